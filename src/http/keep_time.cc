#include "http/keep_time.h"

#include "base/read_number.h"
#include "base/text.h"
#include "http/message.h"

#include <algorithm>
#include <cstdint>

namespace afterword::http {
namespace {

// Nobody closes a connection that fast after its last answer without having said so in it.
constexpr std::chrono::milliseconds always_kept{250};
// Some look at their idle connections only now and then, and so keep one twice as long as another.
constexpr int variation = 2;
constexpr std::chrono::minutes memory{10};
// What a request may take to get there.
constexpr std::chrono::seconds on_its_way{1};

std::optional<std::chrono::seconds> read_timeout(std::string_view keep_alive) {
  constexpr std::string_view name = "timeout=";
  while (!keep_alive.empty()) {
    const std::size_t comma = std::min(keep_alive.find(','), keep_alive.size());
    const std::string_view parameter = trim(keep_alive.substr(0, comma));
    keep_alive.remove_prefix(std::min(comma + 1, keep_alive.size()));
    if (!equal_ignoring_case(parameter.substr(0, name.size()), name)) continue;
    const auto seconds = read_number<std::uint32_t>(parameter.substr(name.size()));
    if (seconds) return std::chrono::seconds(*seconds);
  }
  return std::nullopt;
}

}  // namespace

void KeepTime::saw_open(Duration idle, Instant now) {
  if (now < forget_closed_) idle = std::min(idle, shortest_closed_);
  longest_open_ = std::max(longest_open_, idle);
}

void KeepTime::saw_closed(Duration idle, Instant now) {
  shortest_closed_ = now < forget_closed_ ? std::min(shortest_closed_, idle) : idle;
  forget_closed_ = now + memory;
  longest_open_ = std::min(longest_open_, shortest_closed_);
}

void KeepTime::was_told(std::optional<std::string_view> keep_alive) {
  told_ = keep_alive ? read_timeout(*keep_alive) : std::nullopt;
}

bool KeepTime::surely_keeps(Duration idle) const {
  if (told_ && idle > *told_ - on_its_way) return false;
  return idle <= always_kept || idle <= longest_open_ / variation;
}

}  // namespace afterword::http
