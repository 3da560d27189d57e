// What the server says when a start fails, in one line for a person, and what mends it. Never shows the password.
#pragma once

#include "store/postgres/connection.h"

#include <string>
#include <string_view>

namespace afterword::store::postgres {

std::string explain(const Target& target, std::string_view said);

}  // namespace afterword::store::postgres
