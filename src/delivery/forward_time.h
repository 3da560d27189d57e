// The time that timers run on: wall time, but never going back. When the wall clock is set back, this time goes on from
// where it was; when it is set forward, this time follows.
//
// So a timer never fires too late for an event that was restarted after the clock was set back, and so became due at an
// earlier wall time than its timer knows. One that fires too early for the wall clock is only set again.
#pragma once

#include "async/clock.h"

#include <chrono>

namespace afterword::delivery {

class ForwardTime {
 public:
  explicit ForwardTime(const async::Clock& clock) : clock_(clock) {}

  Timestamp now();
  // In this time, when the wall clock will read `wall` if nobody sets it.
  Timestamp at(Timestamp wall);

 private:
  const async::Clock& clock_;
  std::chrono::nanoseconds ahead_ = std::chrono::nanoseconds::min();  // of steady time
};

}  // namespace afterword::delivery
