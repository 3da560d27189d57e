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

// By the table of delivery_answers.h. A 429 of Matrix may be about the owner or about us; see way_question.h. `now` is
// for a Retry-After that is a date.
SendAnswer read_send_answer(const HttpAnswer& answer, WallTime now);

// Of the question whose token ours is. A Matrix error that is not about the token is an answer of the homeserver's too.
WayAnswer read_way_answer(const HttpAnswer& answer, WallTime now);

struct AskAgain {  // rate limited
  Milliseconds wait;
};
using WhoamiReading = std::variant<Identity, domain::HomeserverError, Unreachable, AskAgain>;

// Only a Matrix error with a status that speaks of the token refuses it. Anything else, a proxy's answers too, leaves
// open whose it is.
WhoamiReading read_whoami_answer(const HttpAnswer& answer, WallTime now);

}  // namespace afterword::homeserver
