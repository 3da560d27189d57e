// Time for clients to restart what came due while they could not reach us: nothing leaves in it whose clients had no
// chance to, so that an outage empties no call. It holds an event no longer than the event's own delay: a client that
// is alive restarts it within that.
//
// There is a grace after the start, after an outage of the database, and after one of the homeserver in which no client
// was heard. Pure: time is passed in.
#pragma once

#include "async/clock.h"
#include "base/time.h"
#include "domain/delayed_event.h"

namespace afterword::delivery {

class Grace {
 public:
  explicit Grace(Milliseconds length) : length_(length) {}

  // Clients can reach us again, from now on. Until this is called nothing is let go.
  void begin(Timestamp now);
  // The homeserver was unreachable since then, and is no more. A grace begins, unless a client was heard in the time
  // that all take to try again; answers whether it does.
  bool begin_after_outage(async::Steady outage_begin, async::Steady steady_now, Timestamp now);
  // Something was scheduled or restarted. A grace that waits for clients to be heard again begins now.
  void note_client(async::Steady steady_now, Timestamp now);

  // From then on it holds no event.
  Timestamp end() const { return end_; }

  // Whether what is due has to wait, until end_for(). What was scheduled or restarted since the beginning does not.
  bool holds(const domain::Timing& timing, Timestamp now) const {
    return timing.delayed_since < began_ && now < end_for(timing);
  }
  Timestamp end_for(const domain::Timing& timing) const;

 private:
  const Milliseconds length_;
  Timestamp began_ = Timestamp::max();
  Timestamp end_ = Timestamp::max();
  async::Steady client_heard_{};
  bool awaits_clients_ = false;
};

}  // namespace afterword::delivery
