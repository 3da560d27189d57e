// What delivery counts of itself, for the metrics. Thread: the server's only one.
#pragma once

#include "base/histogram.h"
#include "base/time.h"
#include "domain/delayed_event.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace afterword::delivery {

// How long after their time events were sent: from what nobody notices to a day, after which they fail.
inline constexpr std::array<double, 14> lateness_bounds{0.01, 0.025, 0.05, 0.1, 0.25, 0.5,  1,
                                                        2.5,  5,     10,   30,  300,  3600, 86'400};

// What events fail with. Whatever else a homeserver says is one class, so that it cannot make up metrics.
inline constexpr std::array<std::string_view, 10> errcodes{
    "other",      "M_FORBIDDEN", "M_UNKNOWN",       "M_NOT_FOUND",        "M_LIMIT_EXCEEDED",
    "M_BAD_JSON", "M_TOO_LARGE", "M_UNKNOWN_TOKEN", "M_USER_DEACTIVATED", "M_USER_LOCKED"};
constexpr std::size_t class_of(std::string_view errcode) {
  for (std::size_t i = 1; i < errcodes.size(); ++i) {
    if (errcodes[i] == errcode) return i;
  }
  return 0;
}

// Since the start.
struct Counts {
  std::uint64_t sent = 0;
  std::array<std::uint64_t, errcodes.size()> failed{};  // by the class of their errcode
  std::uint64_t given_up = 0;                           // of those, after a day without an answer
  Histogram lateness_seconds{lateness_bounds};          // of what was sent at its time, not on request
  std::uint64_t tried_again = 0;                        // sends or looks without an outcome
  std::uint64_t outages = 0;                            // of the homeserver
  std::uint64_t adopted = 0;                            // events that were taken over, at the start too
  std::uint64_t over_owner_limit = 0;                   // sends
};

// And now.
struct Figures : Counts {
  std::size_t timers = 0;     // one of an event that is cancelled stays until it fires
  std::size_t waiting = 0;    // events that are due, for their turn
  std::size_t under_way = 0;  // attempts, from their claim on
  std::size_t in_doubt = 0;   // of those: nobody knows yet whether they have arrived
  std::size_t aside = 0;      // events that hold up their room no more
  bool in_outage = false;     // the homeserver takes no events
};

}  // namespace afterword::delivery
