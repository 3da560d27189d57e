// `afterword init`: asks the homeserver what it is, writes the configuration and the registration, and says how to go
// on.
#pragma once

#include "main/command_line.h"

namespace afterword {

// The exit status. Where it fails, nothing is written.
int init(const InitCommand& command);

}  // namespace afterword
