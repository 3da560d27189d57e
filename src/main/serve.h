// `afterword serve`: wires the server together, runs it until SIGTERM or SIGINT, and drains it.
#pragma once

#include "ops/configuration.h"

namespace afterword {

// The exit status: 0 drained, 1 failed at run time, 2 the configuration cannot be served (a port in use, a database
// that does not open). Says on standard error what is wrong. A second signal ends at once.
int serve(const ops::Configuration& configuration);

}  // namespace afterword
