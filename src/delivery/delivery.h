// Sends delayed events when their time has come.
//
// Lifecycle: start() once, before requests are served; drain() once, before the store is closed. A timer is only a
// hint: when it fires, the store is asked again, so a restart costs no timer work. In a room events leave in the order
// of their scheduled time, one after the other; rooms do not wait for each other beyond the bounds on concurrent sends,
// of which each owner has a share. No answer about one event stops another owner's: see homeserver_health.h
// and retries.h.
//
// Every event that is scheduled or sending has a place here: a timer, its room's queue, or an attempt. It may have a
// timer beside another place (it is sent on request, say), which does no harm, because an event leaves only after the
// store has let it be claimed.
//
// An attempt without a clear answer stays `sending`. Before it is sent again it is looked for in its room, so that it
// has its effect once, whatever crashed. Where instances share the store, right before an event leaves the store is
// asked whether it is still ours.
//
// Errors: what the homeserver or the store cannot do now is tried again until it can, with backoff; an event never
// loses its place. Thread: the server's only one.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "delivery/figures.h"
#include "delivery/options.h"
#include "delivery/send_now_answer.h"
#include "delivery/timer_heap.h"
#include "delivery/unsettled.h"
#include "homeserver/homeserver.h"
#include "store/store.h"

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace afterword::delivery {

using async::Task;

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

  // Sends it at once, by the rules of docs/protocol.md section 2. `wait` means: a send was under way; wait for
  // settled() and ask again.
  Task<SendNowAnswer> send_now(domain::DelayId delay_id, std::optional<domain::UserId> caller);

  // Goes on when no attempt for this event is under way here, or at `give_up`.
  Task<void> settled(domain::DelayId delay_id, async::Steady give_up);

  Figures figures() const;

  // For whoever operates the server. The earliest, in the order of their time, at most `limit` of those that are here.
  std::vector<Unsettled> unsettled(UnsettledKind kind, std::size_t limit) const;
  // When which event is looked at next. It may have been restarted since, or be cancelled: the store knows.
  std::vector<Timer> first_timers(std::size_t limit) const;

  // Starts no more attempts, and goes on when the homeserver has answered those under way and that is recorded, or
  // `limit` has passed. Attempts that wait to be tried again are continued by the next start.
  Task<void> drain(std::chrono::milliseconds limit);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace afterword::delivery
