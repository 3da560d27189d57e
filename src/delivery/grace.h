// Time for clients to restart what came due while they were not heard: nothing leaves in it whose clients had no chance
// to, so that our own outage, or the database's, empties no call.
//
// Thread: the server's only one. No errors.
#pragma once

#include "base/time.h"
#include "domain/delayed_event.h"

namespace afterword::delivery {

class Grace {
 public:
  explicit Grace(Milliseconds length) : length_(length) {}

  // Clients are heard again, from now on. Until this is called nothing is let go.
  void begin(Timestamp now) {
    began_ = now;
    end_ = now + length_;
  }

  bool is_over(Timestamp now) const { return now >= end_; }
  Timestamp end() const { return end_; }

  // Whether what is due has to wait for the end: what was scheduled or restarted since the beginning has not.
  bool holds(const domain::Timing& timing, Timestamp now) const {
    return !is_over(now) && timing.delayed_since < began_;
  }

 private:
  Milliseconds length_;
  Timestamp began_ = Timestamp::max();
  Timestamp end_ = Timestamp::max();
};

}  // namespace afterword::delivery
