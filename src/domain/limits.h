// What a user may schedule, and how long finalised events are kept. Nothing means no limit.
#pragma once

#include "base/time.h"

#include <cstdint>
#include <optional>

namespace afterword::domain {

struct Limits {
  std::optional<Milliseconds> max_delay = std::chrono::hours(24);
  std::optional<std::uint32_t> max_scheduled_per_user = 100;
};

struct Retention {
  std::optional<Milliseconds> max_age = std::chrono::hours(24 * 7);
  std::optional<std::uint32_t> max_per_user = 1000;
};

}  // namespace afterword::domain
