#include "ops/duration.h"

#include <charconv>
#include <chrono>
#include <utility>

namespace afterword::ops {
namespace {

constexpr std::pair<std::string_view, Milliseconds> units[] = {
    {"ms", std::chrono::milliseconds(1)}, {"s", std::chrono::seconds(1)}, {"m", std::chrono::minutes(1)},
    {"h", std::chrono::hours(1)},         {"d", std::chrono::days(1)},    {"w", std::chrono::weeks(1)},
};

}  // namespace

std::optional<Milliseconds> parse_duration(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));

  for (const auto& [name, unit] : units) {
    if (text != name) continue;
    if (count > static_cast<std::uint64_t>(max_json_integer / unit.count())) return std::nullopt;
    return unit * static_cast<std::int64_t>(count);
  }
  return std::nullopt;
}

}  // namespace afterword::ops
