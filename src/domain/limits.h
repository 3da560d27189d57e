// What a user may schedule, and how long finalised events are kept. Nothing means no limit.
#pragma once

#include "base/time.h"
#include "domain/delayed_event.h"

#include <cstdint>
#include <optional>

namespace afterword::domain {

struct Limits {
  std::optional<Milliseconds> max_delay = std::chrono::hours(24);
  std::optional<std::uint32_t> max_scheduled_per_user = 100;
  std::optional<Milliseconds> max_message_delay = std::chrono::hours(24 * 30);  // where it is longer than max_delay
  std::uint32_t more_for_calls = 20;  // beyond max_scheduled_per_user, so that messages keep nobody out of a call
};

// Whether it is somebody's membership of a call, which is what clients restart, and what takes them out of the call.
bool is_of_call(const EventToSend& event);

// A message that people send later may have a longer one than state, and than what keeps calls.
std::optional<Milliseconds> longest_delay(const Limits& limits, const EventToSend& event);

// How many events a user may have scheduled when this one is, too. A limit of 0 lets nobody schedule anything.
std::optional<std::uint32_t> most_scheduled(const Limits& limits, bool for_call);

struct Retention {
  std::optional<Milliseconds> max_age = std::chrono::hours(24 * 7);
  std::optional<std::uint32_t> max_per_user = 1000;
};

}  // namespace afterword::domain
