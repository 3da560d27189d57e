// Compares another machine's clock with this one's, by asking it. What it answers was so at some moment between the
// question and the answer, so each answer gives bounds for what that clock read at a moment of ours; the more are
// asked, and the quicker one is answered, the closer they are. Pure: whoever asks reads the clocks.
#pragma once

#include <algorithm>
#include <chrono>

namespace afterword::store::postgres {

class ClockComparison {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  using Reading = std::chrono::sys_time<std::chrono::microseconds>;

  explicit ClockComparison(Instant moment) : moment_(moment) {}

  void add(Instant asked, Instant answered, Reading other) {
    earliest_ = std::max(earliest_, other - to_us(answered - moment_));
    latest_ = std::min(latest_, other - to_us(asked - moment_));
    ++answers_;
  }

  int answers() const { return answers_; }

  // What the other clock read at `moment`, at least. A clock that was set meanwhile leaves nothing between the bounds.
  Reading earliest() const { return earliest_; }
  std::chrono::microseconds uncertainty() const { return std::max(latest_ - earliest_, std::chrono::microseconds(0)); }

 private:
  static std::chrono::microseconds to_us(std::chrono::steady_clock::duration duration) {
    return std::chrono::floor<std::chrono::microseconds>(duration);
  }

  Instant moment_;
  // Far away, and not so far that their difference overflows.
  Reading earliest_{-std::chrono::years(100'000)};
  Reading latest_{std::chrono::years(100'000)};
  int answers_ = 0;
};

}  // namespace afterword::store::postgres
