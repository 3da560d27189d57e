// The address that a request comes from, also behind a reverse proxy.
#pragma once

#include "http/message.h"

#include <string>
#include <vector>

namespace afterword::gateway {

// The peer's address; or, while that is one of the trusted proxies, the address that it says it took the request from:
// the last one in X-Forwarded-For that is not a trusted proxy itself. Anybody can write the ones before. Of IPv6 it is
// the /64, for within that a customer chooses an address for every request.
std::string client_address(const http::Request& request, const std::vector<std::string>& trusted_proxies);

}  // namespace afterword::gateway
