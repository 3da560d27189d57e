// `afterword move`: copies a whole database into another one, of either kind.
#pragma once

#include "main/command_line.h"

namespace afterword {

// The exit status: whether all is there, and can be served.
int move(const MoveCommand& command);

}  // namespace afterword
