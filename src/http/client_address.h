// The address that a request comes from, also behind a reverse proxy.
#pragma once

#include "http/message.h"

#include <functional>
#include <string>

namespace afterword::http {

using IsTrustedProxy = std::function<bool(const std::string& address)>;

// Whether a peer is believed who its clients are: one of the trusted proxies, or whoever may open our Unix socket,
// which is for its file's mode to say. Those have no address.
bool is_trusted(const std::string& peer, const IsTrustedProxy& is_trusted_proxy);

// The peer's address; or, while that is one of the trusted proxies, the address that it says it took the request from:
// the last one in X-Forwarded-For that is not a trusted proxy itself. Anybody can write the ones before. Of IPv6 it is
// the /64, for within that a customer chooses an address for every request. Empty if trusted proxies name nobody else.
std::string client_address(const Request& request, const IsTrustedProxy& is_trusted_proxy);

}  // namespace afterword::http
