// `afterword serve`: wires the server together, runs it until SIGTERM or SIGINT, and drains it.
#pragma once

#include "base/result.h"
#include "ops/configuration.h"

#include <functional>
#include <string>

namespace afterword {

// The exit status: 0 drained, 1 failed at run time, 2 the configuration cannot be served (a port in use, a database
// that does not open). Says on standard error what is wrong. A second signal ends at once.
// On SIGHUP the configuration is read again with `load`, and the level of the log is as it says from then on; nothing
// else changes.
using LoadConfiguration = std::function<Result<ops::Configuration, std::string>()>;
int serve(const ops::Configuration& configuration, const LoadConfiguration& load);

}  // namespace afterword
