#include "base/outage_log.h"

#include <utility>

namespace afterword {
namespace {

constexpr std::chrono::minutes pause{1};

}  // namespace

std::optional<OutageLog::Failing> OutageLog::failed(Instant now) {
  ++failures_;
  if (said_ && now - *said_ < pause) {
    ++unsaid_;
    return std::nullopt;
  }
  said_ = now;
  said_failing_ = true;
  return Failing{std::exchange(unsaid_, 0)};
}

std::optional<OutageLog::Works> OutageLog::worked() {
  const std::uint64_t failures = std::exchange(failures_, 0);
  if (!std::exchange(said_failing_, false)) return std::nullopt;
  unsaid_ = 0;
  return Works{failures};
}

}  // namespace afterword
