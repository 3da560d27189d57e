// The console: a page for operators, which the operations listener serves as it is in src/monitoring/console/. It asks
// the operator's API for everything that it shows, with the token of whoever looks at it, and loads nothing from
// elsewhere.
#pragma once

#include "http/message.h"

#include <optional>
#include <string_view>

namespace afterword::monitoring {

// Nothing: the console has no file at this path.
std::optional<http::Response> console_file(std::string_view path);

}  // namespace afterword::monitoring
