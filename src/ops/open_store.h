// Opens the store that the configuration names: the one place that chooses the backend of a server.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "ops/configuration.h"
#include "store/durability.h"
#include "store/store.h"

#include <memory>
#include <string>

namespace afterword::ops {

// The error is one line for a person.
Result<std::unique_ptr<store::Store>, std::string> open_store(async::Executor executor, const Database& database);

// What keeps the commits of a database that is there. Blocks. The error is one line for a person.
Result<store::Durability, std::string> read_durability(const Database& database);

}  // namespace afterword::ops
