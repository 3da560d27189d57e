// `afterword check`: prints what ops/check.h finds.
#pragma once

#include "main/command_line.h"

namespace afterword {

// The exit status: whether all is well.
int check(const CheckCommand& command);

}  // namespace afterword
