// Restarts without anything else, which is what most batches are: one statement, a transaction of its own, decides,
// writes and answers those that take place.
//
// Instances never wait for each other in a circle, because it locks as transaction.h does: in the order of the
// delay_ids. Thread: the committing one. Throws Error: then it answered none of them.
#pragma once

#include "store/postgres/connection.h"
#include "store/postgres/verbs.h"

#include <vector>

namespace afterword::store::postgres {

// Those that are left have changed nothing: their event is not scheduled, or not their caller's, or another one of
// them restarted it before. What they find is decided in a Transaction.
std::vector<Restart*> restart(Connection& connection, std::vector<Restart*> restarts);

}  // namespace afterword::store::postgres
