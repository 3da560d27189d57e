// `afterword health`: asks the server that runs whether it is ready. For service managers, containers and scripts.
#pragma once

#include "main/command_line.h"

namespace afterword {

// The exit status: 0 it is ready; 1 it is not, or does not answer; 2 the configuration names no ops.listen. Says so in
// one line.
int health(const HealthCommand& command);

}  // namespace afterword
