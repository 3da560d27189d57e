// Who a request comes from: reads its token, and has the homeserver say whose it is.
//
// Only a token that speaks for others is an application service's: the homeserver answers it as the user whom it names,
// or refuses to, while it answers a user's own token as that user, whatever is named. So the token is asked about by
// itself first. No device says anything about it: users have tokens without one (an admin's "log in as", OAuth without
// a device scope) and call their devices what they like, and Dendrite gives one to a service as well.
#pragma once

#include "api/caller.h"
#include "api/matrix_error.h"
#include "async/clock.h"
#include "async/task.h"
#include "base/result.h"
#include "homeserver/token_cache.h"
#include "http/message.h"
#include "http/target.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace afterword::gateway {

// The token in the Authorization header or, as older clients send it, in the query; with an application service's
// user_id and device_id. Nothing if there is no token. The error is for what can be read in more than one way, and for
// what no homeserver would ever have given to a client: such a token is as unknown as a wrong one, and nobody is asked.
Result<std::optional<homeserver::Credentials>, api::MatrixError> credentials_of(const http::Request& request,
                                                                                const http::Target& target);

// What the caller wants to do, which says how sure we must be who it is.
enum class Purpose : std::uint8_t {
  restart,  // a client gives it two seconds; what the homeserver said long ago does while it is away
  cancel,   // that does here too
  look_up,  // what it said within the time to live
  send,     // or schedule: what it said just now
  read,     // what the homeserver itself answers to this token: whatever it ever said
};

struct Asking {
  std::optional<homeserver::Credentials> credentials{};
  std::optional<api::MatrixError> fault{};  // of what was presented in their place
  Purpose purpose = Purpose::look_up;
  std::string address{};  // of the client
  std::function<http::Headers()>
      about_client{};                          // as in homeserver::TokenQuestion; called while it is being identified
  bool only_if_remembered = false;             // else nobody is known
  bool must_know_application_service = false;  // else is_application_service may be false although it is one
};

struct NotIdentified {
  http::Response answer;  // to give instead
  bool is_refused;        // there is no token, or no good one; else it cannot be known at the moment
};

async::Task<Result<api::Caller, NotIdentified>> identify(homeserver::TokenCache& tokens, async::Clock& clock,
                                                         Asking asking);

}  // namespace afterword::gateway
