// One deadline for a stop, which all its phases share: service managers wait for 10 s before they kill, and whatever
// one phase takes is not there for the next.
//
// Made once, when the signal comes. Pure: what time it is, is passed in (the clock's steady time).
#pragma once

#include <algorithm>
#include <chrono>

namespace afterword {

class StopDeadline {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  explicit StopDeadline(Steady stopped) : end_(stopped + whole) {}

  // Requests that are under way by then are cut, and have a second to unwind. What they began to send just before that
  // has the rest.
  Milliseconds for_requests(Steady now) const { return left(end_ - kept_for_sends, now); }
  // What the homeserver has not answered by then is resolved by the next start.
  Milliseconds for_sends(Steady now) const { return left(end_, now); }
  // Whatever is not done by then, a commit that the database does not answer say, is left as after a crash.
  Steady last() const { return end_ + kept_for_closing; }

 private:
  static constexpr Milliseconds whole{8'000};
  static constexpr Milliseconds kept_for_sends{2'000};
  static constexpr Milliseconds kept_for_closing{700};

  static Milliseconds left(Steady until, Steady now) {
    return std::max(Milliseconds(0), std::chrono::floor<Milliseconds>(until - now));
  }

  Steady end_;
};

}  // namespace afterword
