// The one row that says where the events come from, if they were moved here. While that move is not finished, no
// instance can register (lease.cc).
//
// Thread: one at a time. Throws Error.
#pragma once

#include "store/archive.h"
#include "store/postgres/connection.h"

#include <optional>

namespace afterword::store::postgres {

std::optional<Origin> read_origin(Connection& connection);

}  // namespace afterword::store::postgres
