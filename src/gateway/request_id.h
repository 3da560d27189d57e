// The name of a request, by which it can be found again in the homeserver's log and in ours: X-Request-Id.
#pragma once

#include "http/client_address.h"
#include "http/message.h"

#include <string>

namespace afterword::gateway {

// As a trusted proxy has named it, if that is a word of at most 128 letters, digits and -._:; else anew. What anybody
// else says is dropped. The id.
std::string set_request_id(http::Request& request, const http::IsTrustedProxy& is_trusted_proxy);

}  // namespace afterword::gateway
