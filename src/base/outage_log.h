// What the log says of something that fails again and again: the first time, then once a minute with a count, and when
// it works again. Lines are returned, not logged, so that whoever has one chooses its words and its level. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace afterword {

class OutageLog {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  struct Failing {
    std::uint64_t unsaid = 0;  // failures since the last line, besides this one
  };
  // Nothing if it is not worth a line.
  std::optional<Failing> failed(Instant now);

  struct Works {
    std::uint64_t failures = 0;  // altogether
  };
  // Nothing if nothing was said of its failing.
  std::optional<Works> worked();

 private:
  std::optional<Instant> said_;  // of the last line about its failing
  std::uint64_t failures_ = 0;   // since it last worked
  std::uint64_t unsaid_ = 0;
  bool said_failing_ = false;  // since it last worked
};

}  // namespace afterword
