// One try of an attempt: sending it, or finding out what became of the try before. Claiming comes before, and what
// follows from the outcome after it.
//
// Thread: the server's only one. No errors: what went wrong is a step to take next.
#pragma once

#include "base/rate_limiter.h"
#include "delivery/attempt_gate.h"
#include "delivery/attempts.h"
#include "delivery/context.h"
#include "delivery/outcome.h"
#include "delivery/way.h"

#include <optional>
#include <string>

namespace afterword::delivery {

// What follows where an attempt that may have arrived has not.
struct IfAbsent {
  bool release = false;  // its event goes back to scheduled, and can be restarted or cancelled; else it is sent again
  bool is_hopeless = false;  // release it also where nobody can tell, if no try can take effect any more
};

// Which event an outcome is of: what the log may say.
struct Recorded {
  domain::DelayId delay_id;
  domain::RoomId room_id;
  std::string type;
};

class Tries {
 public:
  Tries(Context& context, AttemptGate& gate, Attempts& attempts, Way& way)
      : context_(context), gate_(gate), attempts_(attempts), way_(way) {
    if (context.options.owner_limit) owner_limit_.emplace(*context.options.owner_limit);
  }

  // The first try of a claimed event, for which the homeserver was prepared before it was claimed: killed in between,
  // we must be able to tell that it was not sent. One that was tried before counts no more for its owner's limit; one
  // that was set aside may have a twin: the same at the same millisecond, which was taken for it.
  Task<NextStep> first(domain::DelayedEvent event, bool was_tried = false, bool is_aside = false);

  // An attempt that may have arrived is looked for before it is sent again.
  Task<NextStep> resolve(domain::DelayedEvent event, IfAbsent if_absent);

  // The event of an attempt under way, unless that has ended elsewhere: then it has here too.
  Task<store::StoreResult<std::optional<domain::DelayedEvent>>> look_up(domain::DelayId delay_id);

  // Makes the outcome durable, however long that takes, and tells who waits. The attempt is over.
  Task<void> record(Recorded what, Finalise finalise);
  Task<void> record(domain::DelayId delay_id, Release release);

 private:
  std::optional<homeserver::Refused> limit(const domain::UserId& owner);
  Task<NextStep> try_to_send(domain::DelayedEvent event, domain::DelayId transaction, bool may_have_arrived);
  Task<NextStep> send_again(domain::DelayedEvent event, bool may_have_arrived);
  Task<NextStep> send_beside_twins(domain::DelayedEvent event, bool may_have_arrived);
  Task<store::StoreResult<std::optional<domain::DelayId>>> take(domain::DelayedEvent event, domain::EventId event_id);

  Context& context_;
  AttemptGate& gate_;
  Attempts& attempts_;
  Way& way_;
  std::optional<RateLimiter<domain::UserId>> owner_limit_;
};

}  // namespace afterword::delivery
