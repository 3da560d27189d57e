// Brings the database's schema up to date. Several instances may start at the same time: one does it, the others wait.
//
// All of it is in the SQL schema `afterword`, so that the database may hold other things too.
#pragma once

#include "base/result.h"
#include "store/postgres/connection.h"
#include "store/transfer.h"

#include <optional>
#include <string>

namespace afterword::store::postgres {

// The error is one line for a person, without the database's name. Throws Error.
Result<void, std::string> migrate(Connection& connection);

// Changes nothing: refuses a database that is not up to date.
Result<void, std::string> require_schema(Connection& connection);

// Where its events come from, if they were moved here. While that move is not finished, no instance can register
// (lease.cc). Throws Error.
std::optional<TransferOrigin> read_transfer_origin(Connection& connection);

}  // namespace afterword::store::postgres
