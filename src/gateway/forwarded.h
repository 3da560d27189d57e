// What the homeserver is told about the client and how it reached us: X-Forwarded-For, -Proto and -Host; and in
// questions of our own, User-Agent.
#pragma once

#include "http/message.h"

#include <string>
#include <vector>

namespace afterword::gateway {

// Ours are the last word about our side of the connection. What a trusted proxy says about its own side is kept, and
// the peer's address is added to it; what anybody else says about a client is dropped. The three come together, for a
// homeserver that is told the address alone assumes https. Hop-by-hop headers are removed first, so that a client
// cannot name ours among them.
void set_forwarded(http::Request& request, const std::vector<std::string>& trusted_proxies);

// What a question of our own about the sender of this request tells of it: the same, and what program it is. A
// homeserver keeps both with the session, and shows them to its user.
http::Headers about_client(const http::Request& request, const std::vector<std::string>& trusted_proxies);

}  // namespace afterword::gateway
