// The one source of chance in a simulated world: the same seed gives the same world.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace afterword::sim {

using Microseconds = std::chrono::microseconds;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // SplitMix64.
  std::uint64_t next() {
    std::uint64_t value = (state_ += 0x9e3779b97f4a7c15U);
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
  }

  // Another stream, so that drawing more of one thing does not change everything else.
  Random fork() { return Random(next()); }

  std::uint64_t below(std::uint64_t end) { return next() % end; }  // end > 0
  std::int64_t between(std::int64_t first, std::int64_t last) {
    return first + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(last - first) + 1));
  }
  bool chance(double probability) {
    constexpr double steps = 9007199254740992.0;  // 2^53
    return static_cast<double>(next() >> 11) < probability * steps;
  }
  Microseconds time(std::chrono::nanoseconds from, std::chrono::nanoseconds to) {
    return Microseconds(
        between(std::chrono::floor<Microseconds>(from).count(), std::chrono::floor<Microseconds>(to).count()));
  }
  template <class Container>
  auto& pick(Container& from) {
    return from[static_cast<std::size_t>(below(from.size()))];
  }

 private:
  std::uint64_t state_;
};

}  // namespace afterword::sim
