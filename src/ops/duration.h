// Durations as people write them in a configuration: 500ms 10s 5m 24h 7d 2w.
#pragma once

#include "base/time.h"

#include <optional>
#include <string_view>

namespace afterword::ops {

// A whole number and a unit, nothing between them. Nothing for any other text, and for more than 2^53 - 1 ms.
std::optional<Milliseconds> parse_duration(std::string_view text);

}  // namespace afterword::ops
