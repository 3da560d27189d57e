// Sends, cancels or restarts a delayed event (docs/protocol.md section 2).
#pragma once

#include "api/context.h"
#include "api/matrix_error.h"
#include "api/wire_form.h"
#include "base/result.h"
#include "domain/ids.h"
#include "domain/transitions.h"
#include "http/message.h"

#include <optional>
#include <string_view>

namespace afterword::api {

struct ManageRequest {
  WireForm form = WireForm::stable;
  std::optional<domain::UserId> caller;     // absent: no token, the delay_id is the right to act
  std::optional<domain::DelayId> delay_id;  // absent: what stands in the path is the form of none
  domain::Action action = domain::Action::restart;
  std::optional<async::Steady> answer_by;  // whatever the homeserver does
};

struct Managed {
  http::Response response;
  bool known = true;  // false: there is no such delayed event for this caller
};

async::Task<Managed> manage(Context& context, ManageRequest request);

// "send", "cancel" or "restart".
std::optional<domain::Action> read_action(std::string_view text);

// The action in the body of POST …/delayed_events/{delay_id}.
Result<domain::Action, MatrixError> read_action_body(std::string_view body);

// The answer to an action that has nothing more to say than how the event stands.
http::Response answer(domain::Effect effect, WireForm form);

}  // namespace afterword::api
