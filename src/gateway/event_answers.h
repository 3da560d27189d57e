// Which of the homeserver's answers may show events, and so a delayed event to its sender (docs/protocol.md section 6).
// Pure.
#pragma once

#include "http/target.h"

#include <string_view>

namespace afterword::gateway {

// Whether the answer to this request may hold whole events. Never true where an answer is, itself, what users wrote: a
// state event's content, account data, profiles.
bool may_show_events(std::string_view method, const http::Target& target);

}  // namespace afterword::gateway
