// What the homeserver is told about the client and how it reached us: X-Forwarded-For, -Proto and -Host; and in
// questions of our own, User-Agent.
#pragma once

#include "http/client_address.h"
#include "http/message.h"

namespace afterword::gateway {

// Ours are the last word about our side of the connection. What a trusted proxy says about its own side is kept, and
// the peer's address, if it has one, is added to it; what anybody else says about a client is dropped. The three come
// together, for a homeserver that is told the address alone assumes https. Hop-by-hop headers are removed first, so
// that a client cannot name ours among them.
void set_forwarded(http::Request& request, const http::IsTrustedProxy& is_trusted_proxy);

// What a question of our own about the sender of this request tells of it: the same, and what program it is. A
// homeserver keeps both with the session, and shows them to its user.
http::Headers about_client(const http::Request& request, const http::IsTrustedProxy& is_trusted_proxy);

}  // namespace afterword::gateway
