// One try of an attempt: sending it, or finding out what became of the try before. Claiming comes before, and what
// follows from the outcome after it.
//
// Thread: the server's only one. No errors: what went wrong is a step to take next.
#pragma once

#include "delivery/attempt_gate.h"
#include "delivery/attempts.h"
#include "delivery/context.h"
#include "delivery/outage.h"
#include "delivery/outcome.h"

namespace afterword::delivery {

class Tries {
 public:
  Tries(Context& context, AttemptGate& gate, Attempts& attempts, Outage& outage)
      : context_(context), gate_(gate), attempts_(attempts), outage_(outage) {}

  // The first try of a claimed event, for which the homeserver was prepared before it was claimed: killed in between,
  // we must be able to tell that it was not sent.
  Task<NextStep> first(domain::DelayedEvent event);

  // An attempt that may have arrived is looked for before it is sent again.
  Task<NextStep> resolve(domain::DelayedEvent event);

  // The event of an attempt under way, unless that has ended elsewhere: then it has here too.
  Task<store::StoreResult<std::optional<domain::DelayedEvent>>> look_up(domain::DelayId delay_id);

  // Makes the outcome durable, however long that takes, and tells who waits. The attempt is over.
  Task<void> record(domain::DelayId delay_id, Finalise finalise);
  Task<void> record(domain::DelayId delay_id, Release release);

 private:
  Task<NextStep> try_to_send(domain::DelayedEvent event, domain::DelayId transaction, bool may_have_arrived);
  Task<NextStep> send_again(domain::DelayedEvent event, bool may_have_arrived);
  Task<NextStep> send_beside_twins(domain::DelayedEvent event, bool may_have_arrived);
  Task<store::StoreResult<std::optional<domain::DelayId>>> take(domain::DelayedEvent event, domain::EventId event_id);

  Context& context_;
  AttemptGate& gate_;
  Attempts& attempts_;
  Outage& outage_;
};

}  // namespace afterword::delivery
