// `afterword check`: prints what the doctor finds (doctor/examine.h).
#pragma once

#include "main/command_line.h"

namespace afterword {

// The exit status, by the worst finding: a warning does not fail.
int check(const CheckCommand& command);

}  // namespace afterword
