#include "domain/limits.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

namespace afterword::domain {
namespace {

// MatrixRTC (MSC4143), as clients have called it over time.
constexpr std::array<std::string_view, 4> call_memberships{"org.matrix.msc3401.call.member", "m.call.member",
                                                           "org.matrix.msc4143.rtc.member", "m.rtc.member"};

}  // namespace

// A membership may be an encrypted sticky event, whose own type nobody can read. Any other sticky event is what its
// type says.
bool is_of_call(const EventToSend& event) {
  if (event.sticky_duration && event.type == "m.room.encrypted") return true;
  return std::ranges::find(call_memberships, event.type) != call_memberships.end();
}

std::optional<Milliseconds> longest_delay(const Limits& limits, const EventToSend& event) {
  if (event.kind == EventKind::state || is_of_call(event) || !limits.max_delay) return limits.max_delay;
  if (!limits.max_message_delay) return std::nullopt;
  return std::max(*limits.max_delay, *limits.max_message_delay);
}

std::optional<std::uint32_t> most_scheduled(const Limits& limits, bool for_call) {
  const std::optional<std::uint32_t> most = limits.max_scheduled_per_user;
  if (!most || *most == 0 || !for_call) return most;
  return *most + std::min(limits.more_for_calls, std::numeric_limits<std::uint32_t>::max() - *most);
}

}  // namespace afterword::domain
