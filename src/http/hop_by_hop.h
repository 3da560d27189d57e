// Headers that belong to one connection and not to the message (RFC 9110 section 7.6.1).
#pragma once

#include "http/message.h"

namespace afterword::http {

// Connection, Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding, Upgrade.
bool is_hop_by_hop(std::string_view name);

// Removes them, and those that a Connection header names, but never Host: it says what the request is for.
void remove_hop_by_hop(Headers& headers);

}  // namespace afterword::http
