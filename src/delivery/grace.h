// Time for clients to restart what came due while they were not heard: nothing leaves in it whose clients had no chance
// to, so that our own outage, or the database's, empties no call. It holds an event no longer than the event's own
// delay: a client that is alive restarts it within that.
//
// Thread: the server's only one. No errors.
#pragma once

#include "base/time.h"
#include "domain/delayed_event.h"

#include <algorithm>

namespace afterword::delivery {

class Grace {
 public:
  explicit Grace(Milliseconds length) : length_(length) {}

  // Clients are heard again, from now on. Until this is called nothing is let go.
  void begin(Timestamp now) {
    began_ = now;
    end_ = now + length_;
  }

  // For everything.
  Timestamp end() const { return end_; }

  // Whether what is due has to wait, until end_for(): what was scheduled or restarted since the beginning has not.
  bool holds(const domain::Timing& timing, Timestamp now) const {
    return timing.delayed_since < began_ && now < end_for(timing);
  }
  Timestamp end_for(const domain::Timing& timing) const {
    return began_ == Timestamp::max() ? began_ : began_ + std::min(length_, timing.delay);
  }

 private:
  Milliseconds length_;
  Timestamp began_ = Timestamp::max();
  Timestamp end_ = Timestamp::max();
};

}  // namespace afterword::delivery
