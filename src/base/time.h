// Points in time, in milliseconds since the Unix epoch, as Matrix writes them. There are two scales, and each is a type
// of its own, so that one cannot be passed for the other:
//
// - Timestamp is server time: what is stored, what timers wait for, and what either is compared with.
// - WallTime is what people and other servers call the time: what is shown to clients, sent in events, and read from
//   other servers' answers.
//
// base/server_time.h says how they differ, and crosses from one to the other.
#pragma once

#include <chrono>
#include <cstdint>

namespace afterword {

using Milliseconds = std::chrono::duration<std::int64_t, std::milli>;

// Names the scale of server time. It has no now(): async::Clock, which is passed in, tells the time.
struct ServerClock {
  using duration = Milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ServerClock>;
  static constexpr bool is_steady = true;
};

using Timestamp = ServerClock::time_point;
using WallTime = std::chrono::sys_time<Milliseconds>;

// A number that JSON, SQL and Matrix (canonical JSON: at most 2^53 - 1) can all carry.
inline constexpr std::int64_t max_json_integer = (std::int64_t{1} << 53) - 1;

constexpr std::int64_t to_ms(Timestamp when) { return when.time_since_epoch().count(); }
constexpr std::int64_t to_ms(WallTime when) { return when.time_since_epoch().count(); }
constexpr Timestamp from_ms(std::int64_t ms) { return Timestamp(Milliseconds(ms)); }
constexpr WallTime wall_from_ms(std::int64_t ms) { return WallTime(Milliseconds(ms)); }

}  // namespace afterword
