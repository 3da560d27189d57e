// The turns of rooms: takes what is due, claims it, tries it, and does what follows, in each room one event after the
// other, and different rooms side by side up to a bound. Who is next is decided by RoomQueues; what follows from an
// answer by outcome.h.
//
// Thread: the server's only one. No errors: an event stays in its queue until it has an outcome.
#pragma once

#include "delivery/alarm.h"
#include "delivery/aside.h"
#include "delivery/attempt_gate.h"
#include "delivery/attempts.h"
#include "delivery/context.h"
#include "delivery/outage.h"
#include "delivery/room_queues.h"
#include "delivery/tries.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace afterword::delivery {

class Turns {
 public:
  Turns(Context& context, Alarm& alarm, AttemptGate& gate, Attempts& attempts, Outage& outage, Tries& tries)
      : context_(context),
        alarm_(alarm),
        gate_(gate),
        attempts_(attempts),
        outage_(outage),
        tries_(tries),
        aside_(context, alarm, tries) {}

  // These timers have fired. A timer is only a hint: what is due by now is queued, what was postponed set again.
  Task<void> look_at(std::vector<Timer> fired);

  // An attempt of this room has begun elsewhere: it is continued here, before all others.
  void take_over(const domain::RoomId& room_id, Timestamp due, domain::DelayId delay_id);
  // No turns for this room, for a while that grows with each failure.
  void pause(const domain::RoomId& room_id);

  // Gives turns to those whose turn it is. To be called when anything has changed.
  void dispatch();

 private:
  Task<void> take(Turn turn);
  Task<std::optional<domain::DelayedEvent>> claim(Turn turn);
  Task<std::optional<domain::DelayedEvent>> take_up(Turn turn);
  Task<void> attempt(Turn turn, domain::DelayedEvent event);
  void try_again_later(const Turn& turn);
  void ask_again_soon(const Turn& turn);
  Timestamp queued_until() const;
  void resume_soon(const domain::RoomId& room_id, std::chrono::milliseconds time);
  Task<void> resume_after(domain::RoomId room_id, std::chrono::milliseconds time);

  Context& context_;
  Alarm& alarm_;
  AttemptGate& gate_;
  Attempts& attempts_;
  Outage& outage_;
  Tries& tries_;
  Aside aside_;

  RoomQueues rooms_;
  std::size_t taken_ = 0;
  bool dispatching_ = false;
  std::optional<Timestamp> looking_at_;  // the earliest of the timers that have fired, until their events are queued
};

}  // namespace afterword::delivery
