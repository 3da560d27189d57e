// Allows each key so many actions a second, with bursts: one time stamp a key (the generic cell rate algorithm).
//
// Keys that have come to rest are forgotten in the course of taking, so memory follows the number of keys active at the
// same time. One thread.
#pragma once

#include "base/time.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace afterword {

struct Rate {
  double per_second = 1;
  std::uint32_t burst_count = 1;  // how many may come at once
};

template <class Key>
class RateLimiter {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  explicit RateLimiter(Rate rate)
      : interval_(interval_of(rate)), tolerance_(tolerance_of(interval_, rate.burst_count)) {}

  // Counts an action. Nothing: go ahead; else it is not counted, and this long remains until the next would be allowed.
  std::optional<Milliseconds> take(const Key& key, Steady now) {
    if (const auto wait = wait_of(key, now)) return wait;
    forget_resting(now);
    Steady& next = next_of_.try_emplace(key, now).first->second;
    next = std::max(next, now) + interval_;
    return std::nullopt;
  }

  // What take() would answer, without counting.
  std::optional<Milliseconds> wait_of(const Key& key, Steady now) const {
    const auto found = next_of_.find(key);
    if (found == next_of_.end() || found->second - tolerance_ <= now) return std::nullopt;
    return std::chrono::ceil<Milliseconds>(found->second - tolerance_ - now);
  }

  std::size_t size() const { return next_of_.size(); }

 private:
  // Nothing is further away than this: two of it, and a time stamp, are within what a clock can count.
  static constexpr Steady::duration longest = std::chrono::hours(24 * 365 * 50);

  static Steady::duration interval_of(Rate rate) {
    const std::chrono::duration<double> interval(1 / rate.per_second);
    return interval < longest ? std::chrono::duration_cast<Steady::duration>(interval) : longest;
  }

  static Steady::duration tolerance_of(Steady::duration interval, std::uint32_t burst_count) {
    const std::int64_t more = std::max<std::int64_t>(std::int64_t{burst_count} - 1, 0);
    return more == 0 || interval < longest / more ? interval * more : longest;
  }

  // Every time the number of keys has doubled, so its cost is spread over the takes that caused it.
  void forget_resting(Steady now) {
    if (next_of_.size() < forget_at_) return;
    std::erase_if(next_of_, [now](const auto& entry) { return entry.second <= now; });
    forget_at_ = std::max<std::size_t>(1024, 2 * next_of_.size());
  }

  Steady::duration interval_;
  Steady::duration tolerance_;
  std::unordered_map<Key, Steady> next_of_;  // when the key would be at rest
  std::size_t forget_at_ = 1024;
};

}  // namespace afterword
