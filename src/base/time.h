// Points in time as Matrix writes them: milliseconds since the Unix epoch.
#pragma once

#include <chrono>
#include <cstdint>

namespace afterword {

using Milliseconds = std::chrono::duration<std::int64_t, std::milli>;
using Timestamp = std::chrono::sys_time<Milliseconds>;

// A number that JSON, SQL and Matrix (canonical JSON: at most 2^53 - 1) can all carry.
inline constexpr std::int64_t max_json_integer = (std::int64_t{1} << 53) - 1;

constexpr std::int64_t to_ms(Timestamp when) { return when.time_since_epoch().count(); }
constexpr Timestamp from_ms(std::int64_t ms) { return Timestamp(Milliseconds(ms)); }

}  // namespace afterword
