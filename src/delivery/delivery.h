// Sends delayed events when their time has come.
//
// Lifecycle: start() once, before requests are served; drain() once, before the store is closed. A timer is only a
// hint: when it fires, the store is asked again, so a restart costs no timer work. In a room events leave in the order
// of their scheduled time, one after the other; rooms do not wait for each other beyond the bounds on concurrent sends,
// of which each owner has a share. No answer about one event stops another owner's: see way.h and troubles.h.
//
// Every event that is scheduled or sending has a place here: a timer, its room's queue, or an attempt. It may have a
// timer beside another place (it is sent on request, say), which does no harm, because nothing is sent that the store
// did not let be claimed.
//
// An attempt without a clear answer stays `sending`. Before it is sent again it is looked for in its room, so that it
// has its effect once, whatever crashed. Where instances share the store, right before an event leaves the store is
// asked whether it is still ours.
//
// Errors: what the homeserver or the store cannot do now is tried again until it can, with backoff; an event never
// loses its place. Thread: the server's only one.
#pragma once

#include "async/clock.h"
#include "base/rate_limiter.h"
#include "homeserver/homeserver.h"
#include "store/store.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace afterword::delivery {

using async::Task;

struct Options {
  std::size_t max_concurrent_sends = 32;
  std::size_t max_sends_of_an_owner = 8;
  std::size_t max_concurrent_retries = 16;  // beside those, of what was tried before
  std::size_t max_retries_of_an_owner = 4;
  // Of one owner's events, for homeservers that limit none: what is beyond it fails with M_LIMIT_EXCEEDED, as what the
  // homeserver limits. Absent: none.
  std::optional<Rate> owner_limit{};
  std::chrono::milliseconds first_retry{500};  // doubled at each failure, with jitter
  std::chrono::milliseconds last_retry{30'000};
  std::chrono::milliseconds last_store_retry{1'000};  // of what the store could not do: it may be back any moment
  std::chrono::milliseconds longest_wait{30'000};     // of those who wait for an outcome

  // After an outage of our own or of the store: what came due meanwhile does not leave by time before this has passed,
  // so that clients can restart it, but for no longer than its own delay. MSC4140 allows an event to be 30 s late.
  std::chrono::milliseconds start_grace{0};

  // An attempt whose answer was lost may still be under way in the homeserver. It is not sent again before this.
  std::chrono::milliseconds quiet_time{5'000};
  // The same where it may be in a queue of the homeserver, before that is flushed: Dendrite's hands out once more what
  // Dendrite was busy with when it ended, after 5 min 10 s or at the next start, and when something comes to the room.
  std::chrono::milliseconds queue_time{330'000};
  // And after that was flushed: a Dendrite under load was seen to show an event 28 s after it had made it.
  std::chrono::milliseconds flush_time{120'000};
  // How long an event that was tried without an outcome holds up the later events of its room. Afterwards it is set
  // aside, and tried again beside them, at growing intervals.
  std::chrono::milliseconds longest_hold{120'000};
  std::chrono::milliseconds first_retry_aside{30'000};
  std::chrono::milliseconds last_retry_aside{300'000};
  // So long after it was due it fails with what was answered last.
  std::chrono::milliseconds give_up_after = std::chrono::hours(24);
  // How often the timers of instances that are gone are taken over.
  std::chrono::milliseconds adoption_interval{2'000};
};

// The answer to the `send` action.
struct NotSent {  // the homeserver could not be asked, and the event stays scheduled; or it has not answered yet
  std::string reason;
};
using SendNowAnswer =
    std::variant<store::NotFound, domain::Effect, domain::HomeserverError, NotSent, store::Unavailable>;

class Delivery {
 public:
  Delivery(async::Executor executor, async::Clock& clock, store::Store& store, homeserver::Homeserver& homeserver,
           Options options = {});
  ~Delivery();

  // Takes up what the store holds: after the grace, overdue events leave in order of scheduled time; attempts that were
  // under way go on at once, with a look whether they have arrived.
  Task<store::StoreResult<void>> start();

  // An event was scheduled.
  void expect(domain::DelayId delay_id, Timestamp due);

  // An event was restarted. For its timer a hint: its timer looks again in any case, at the latest when the grace ends.
  void restarted(domain::DelayId delay_id, Timestamp due);

  // Sends it at once, by the rules of docs/protocol.md section 2. `perform` means: sent. `wait` means: a send was under
  // way; wait for settled() and ask again.
  Task<SendNowAnswer> send_now(domain::DelayId delay_id, std::optional<domain::UserId> caller);

  // Goes on when no attempt for this event is under way here, or at `give_up`.
  Task<void> settled(domain::DelayId delay_id, async::Steady give_up);

  // Starts no more attempts, and goes on when the homeserver has answered those under way and that is recorded, or
  // `limit` has passed. Attempts that wait to be tried again are continued by the next start.
  Task<void> drain(std::chrono::milliseconds limit);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace afterword::delivery
