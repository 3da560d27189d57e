// What an HTTP answer of the homeserver means. Pure.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "homeserver/homeserver.h"
#include "http/client.h"
#include "http/message.h"

#include <variant>

namespace afterword::homeserver {

using HttpAnswer = Result<http::Response, http::NoAnswer>;

// A refusal counts as the owner's only if it is about the event: 4xx with a Matrix error. One that is about our own
// set-up says nothing about the event, and is NotArrived: it is asked again, and meanwhile can be restarted or
// cancelled.
//   - 401 with M_UNKNOWN_TOKEN or M_MISSING_TOKEN: the as_token is not (yet) in the homeserver's configuration, or a
//     proxy drops it. Dendrite says the same of an owner that belongs to another server, but such a user has no token
//     there and so cannot schedule anything.
//   - M_UNRECOGNIZED, or a 404 or 405 that is not Matrix's: the homeserver's address leads elsewhere.
//   - a 429 that is not Matrix's: a proxy limits us as a whole. One that is may be about the owner or about us; see
//     own_limit.h.
// `now` is the wall clock's, for a Retry-After that is a date.
SendAnswer read_send_answer(const HttpAnswer& answer, Timestamp now);

struct AskAgain {  // rate limited
  Milliseconds wait;
  domain::HomeserverError error;  // the answer, if there is no time to wait
};
using WhoamiReading = std::variant<Identity, domain::HomeserverError, Unreachable, AskAgain>;

WhoamiReading read_whoami_answer(const HttpAnswer& answer, Timestamp now);

}  // namespace afterword::homeserver
