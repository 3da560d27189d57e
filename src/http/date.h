// The dates of HTTP (RFC 9110, IMF-fixdate).
#pragma once

#include "base/time.h"

#include <optional>
#include <string_view>

namespace afterword::http {

// "Sun, 06 Nov 1994 08:49:37 GMT". Nothing for any other text.
std::optional<WallTime> parse_date(std::string_view text);

}  // namespace afterword::http
