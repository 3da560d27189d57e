// The store that several instances share, in a PostgreSQL database.
//
// Each instance has four connections: for changes, for lists and what else may take long, for what delivery asks, and
// for its lease; each with a thread, since all of them block. A connection that is lost is made again at the next use;
// until then the verbs answer Unavailable.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "store/postgres/lease.h"
#include "store/store.h"

#include <memory>
#include <string>

namespace afterword::store::postgres {

struct Options {
  std::string url;  // as libpq reads it: TLS and authentication are its parameters
  LeaseOptions lease = {};
};

// Connects, brings the schema up to date, and registers this instance. Blocks; for start-up. The error is one line for
// a person: it names the database, never the password, and says what is wrong and the fix.
Result<std::unique_ptr<Store>, std::string> open(async::Executor executor, Options options);

}  // namespace afterword::store::postgres
