// What the server says when a start fails, in one line for a person, and what mends it. Never shows the password.
#pragma once

#include "store/postgres/connection.h"

#include <string>
#include <string_view>

namespace afterword::store::postgres {

std::string explain(const Target& target, std::string_view said);

// Of a URL that is none.
inline constexpr const char* unreadable_url =
    "the URL cannot be read; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and what is special in a"
    " password percent-encoded, as %40 for @";

}  // namespace afterword::store::postgres
