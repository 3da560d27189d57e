// The address that a request comes from, also behind a reverse proxy.
#pragma once

#include "http/message.h"

#include <functional>
#include <string>

namespace afterword::http {

// The peer's address; or, while that is one of the trusted proxies, the address that it says it took the request from:
// the last one in X-Forwarded-For that is not a trusted proxy itself. Anybody can write the ones before. Of IPv6 it is
// the /64, for within that a customer chooses an address for every request. Empty if trusted proxies name nobody else.
std::string client_address(const Request& request,
                           const std::function<bool(const std::string& address)>& is_trusted_proxy);

}  // namespace afterword::http
