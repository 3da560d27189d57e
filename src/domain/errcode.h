#pragma once

#include "domain/delayed_event.h"

#include <string>

namespace afterword::domain {

// "" where the homeserver gave none.
std::string errcode_of(const HomeserverError& error);

}  // namespace afterword::domain
