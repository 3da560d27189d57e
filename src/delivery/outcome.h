// What the homeserver's answer to a try means for the event (docs/protocol.md sections 2 and 7), as one pure function.
#pragma once

#include "delivery/delivery.h"
#include "domain/delayed_event.h"
#include "homeserver/homeserver.h"

#include <string>
#include <variant>

namespace afterword::delivery {

struct Try {
  bool on_request = false;        // by the `send` action, not at its time
  bool with_device = false;       // sent as the owner's device
  bool is_second = false;         // the first was refused
  bool may_have_arrived = false;  // an earlier try of the same attempt had no clear answer, and no look could tell
};

struct Finalise {
  domain::Outcome outcome;
};
struct Release {         // it has not been sent, and goes back to scheduled
  SendNowAnswer answer;  // for who asked for it to be sent
  std::optional<Milliseconds> retry_after = std::nullopt;
  std::optional<domain::HomeserverError> error = std::nullopt;  // the answer, if the way gave one
  bool was_looked_for = false;                                  // nobody has answered so: it is not in its room
  bool is_hopeless = false;                                     // nobody can tell, and it is to fail
};
struct SendWithoutDevice {};  // at once
struct SendSoon {};           // once more, before the refusal counts
struct TryAgain {             // the same attempt, later: it may have arrived, or must not be sent now
  std::string reason;
  std::optional<domain::HomeserverError> error = std::nullopt;
};
using NextStep = std::variant<Finalise, Release, SendWithoutDevice, SendSoon, TryAgain>;

NextStep next_step(const Try& tried, const homeserver::SendAnswer& answer);

// What to send of a claimed event. It depends on what is durable alone, so every try of an attempt, also after a
// restart of the server or when the clock was set, has the same origin_server_ts: the event's own if an application
// service gave it one, else that of the claim.
domain::Attempt attempt_of(const domain::DelayedEvent& event);

}  // namespace afterword::delivery
