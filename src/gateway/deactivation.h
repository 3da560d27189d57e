// Whether an account has ended, as the answer to a request says that may have ended it. Pure.
//
// Anybody can send such a request, and what stands before a homeserver may answer it in its place: a page that says
// "down for maintenance" with a 200 ends nobody's account. So only the homeserver's own words count.
#pragma once

#include "gateway/routes.h"
#include "http/message.h"

namespace afterword::gateway {

// `answer` has its whole body, uncompressed.
bool says_deactivated(const PassThroughRoute& route, const http::Response& answer);

}  // namespace afterword::gateway
