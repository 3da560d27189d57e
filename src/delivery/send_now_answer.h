// The answer to the `send` action (docs/protocol.md section 2).
#pragma once

#include "domain/delayed_event.h"
#include "domain/transitions.h"
#include "store/store.h"

#include <string>
#include <variant>

namespace afterword::delivery {

struct NotSent {  // the homeserver could not be asked, and the event stays scheduled; or it has not answered yet
  std::string reason;
};
struct Sent {  // now, or before
  domain::EventId event_id;
};
// Effect::refuse: it has another outcome. Effect::wait: another send of it is under way, or has just ended; ask again.
using SendNowAnswer =
    std::variant<store::NotFound, Sent, domain::Effect, domain::HomeserverError, NotSent, store::Unavailable>;

}  // namespace afterword::delivery
