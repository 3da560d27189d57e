// The turns of rooms: takes what is due, claims it, tries it, and does what follows, in each room one event after the
// other, and different rooms side by side up to a bound. Who is next is decided by RoomQueues; what follows from an
// answer by outcome.h.
//
// Thread: the server's only one. No errors: an event stays in its queue until it has an outcome.
#pragma once

#include "delivery/alarm.h"
#include "delivery/attempt_gate.h"
#include "delivery/attempts.h"
#include "delivery/context.h"
#include "delivery/room_queues.h"
#include "delivery/tries.h"
#include "delivery/troubles.h"
#include "delivery/way.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace afterword::delivery {

class Turns {
 public:
  Turns(Context& context, Alarm& alarm, AttemptGate& gate, Attempts& attempts, Way& way, Tries& tries)
      : context_(context),
        alarm_(alarm),
        gate_(gate),
        attempts_(attempts),
        way_(way),
        tries_(tries),
        rooms_({context.options.max_concurrent_sends, context.options.max_sends_of_an_owner},
               {context.options.max_concurrent_retries, context.options.max_retries_of_an_owner}) {}

  // These timers have fired. A timer is only a hint: what is due by now is queued, what was postponed set again.
  Task<void> look_at(std::vector<Timer> fired);

  // An attempt of this room has begun elsewhere: it is continued here, before all others.
  void take_over(const domain::RoomId& room_id, const domain::UserId& owner, Timestamp due, domain::DelayId delay_id);
  // No turns for this room, for a while that grows with each failure.
  void pause(const domain::RoomId& room_id);

  // What is queued and was not tried yet is looked at once more, for a grace has begun.
  void look_again();

  // Gives turns to those whose turn it is. To be called when anything has changed.
  void dispatch();

 private:
  Task<void> take(HeldTurn turn);
  Task<void> go(HeldTurn& turn);
  Task<std::optional<domain::DelayedEvent>> claim(HeldTurn& turn);
  Task<std::optional<domain::DelayedEvent>> take_up(HeldTurn& turn);
  Task<void> attempt(HeldTurn& turn, domain::DelayedEvent event);

  // After a try without an outcome.
  void wait_for_outcome(HeldTurn& turn, Timestamp due, const TryAgain& step);
  Task<void> wait_for_way(HeldTurn& turn, Timestamp due, std::string type, Release release);
  void wait(HeldTurn& turn, Trouble& trouble, bool under_way, Milliseconds at_least);
  void put_back_after_error(HeldTurn& turn);

  IfAbsent if_absent(const domain::DelayedEvent& event) const;
  Trouble& add_trouble(const HeldTurn& turn, Timestamp due, const std::optional<domain::HomeserverError>& answer);
  void ask_again_soon(HeldTurn& turn);
  bool dispatch(TurnKind kind);
  Timestamp queued_until() const;
  void pause(const Lane& lane, Milliseconds time);
  Task<void> resume_after(Lane lane, Milliseconds time);

  Context& context_;
  Alarm& alarm_;
  AttemptGate& gate_;
  Attempts& attempts_;
  Way& way_;
  Tries& tries_;

  Troubles troubles_;
  RoomQueues rooms_;
  bool dispatching_ = false;
  std::optional<Timestamp> looking_at_;  // the earliest of the timers that have fired, until their events are queued
};

}  // namespace afterword::delivery
