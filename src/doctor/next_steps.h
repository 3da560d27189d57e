// How to go on after `afterword init`, for a person, with this homeserver.
//
// Pure. Thread: any.
#pragma once

#include "doctor/identify.h"
#include "ops/init.h"

#include <string>

namespace afterword::doctor {

std::string next_steps(const ops::InitialFiles& files, const Identity& identity);

}  // namespace afterword::doctor
