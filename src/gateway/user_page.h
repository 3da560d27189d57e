// The page for users, which the listener for clients serves at /_afterword/ as it is in src/gateway/user_page/. It asks
// the client API for all that it shows, with the token of whoever looks at it, and has no way of its own to anything.
#pragma once

#include "http/message.h"

#include <optional>
#include <string_view>

namespace afterword::gateway {

// Nothing: it has no file of that name. "" is the page itself.
std::optional<http::Response> user_page_file(std::string_view name);

}  // namespace afterword::gateway
