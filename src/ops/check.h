// What `afterword check` looks at: whether Afterword would work as it is configured, and if not, what mends it.
//
// Changes nothing: it sends no event, and makes no database. The configuration must outlive the task. Thread: its
// executor's only one.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "ops/configuration.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace afterword::ops {

enum class Verdict : std::uint8_t { ok, warning, failed };

struct Finding {
  std::string name;  // of what was looked at
  Verdict verdict = Verdict::ok;
  std::string detail;
  std::string fix;  // empty if nothing is wrong
};

// A line, and the fix on one of its own.
std::string to_text(const Finding& finding);

// Opens the configuration's database and closes it again. Passed in, because only main knows the backends.
using TryDatabase = std::function<async::Task<Result<void, std::string>>(const Configuration& configuration)>;

// A finding for each warning, the homeserver, the registration, the Unix sockets that cannot be made, and the database.
async::Task<std::vector<Finding>> check(async::Executor executor, const Configuration& configuration,
                                        TryDatabase try_database);

}  // namespace afterword::ops
