#include "gateway/rate_limits.h"

namespace afterword::gateway {

RateLimits::RateLimits(RateLimitOptions options)
    : enabled_(options.enabled),
      schedule_(options.schedule),
      manage_(options.manage),
      look_up_(options.look_up),
      delay_id_(options.delay_id),
      guess_(options.guess) {}

RateLimits::Wait RateLimits::schedule(const domain::UserId& user_id, Steady now) {
  return !enabled_ ? std::nullopt : count(Limit::schedule, schedule_.take(user_id, now));
}

RateLimits::Wait RateLimits::manage(const domain::UserId& user_id, Steady now) {
  return !enabled_ ? std::nullopt : count(Limit::manage, manage_.take(user_id, now));
}

RateLimits::Wait RateLimits::look_up(const domain::UserId& user_id, Steady now) {
  return !enabled_ ? std::nullopt : count(Limit::look_up, look_up_.take(user_id, now));
}

RateLimits::Wait RateLimits::manage_without_token(const std::string& delay_id, Steady now) {
  return !enabled_ ? std::nullopt : count(Limit::delay_id, delay_id_.wait_of(delay_id, now));
}

void RateLimits::met_known(const std::string& delay_id, Steady now) {
  if (enabled_) delay_id_.take(delay_id, now);
}

RateLimits::Wait RateLimits::met_unknown(const std::string& address, Steady now) {
  return !enabled_ ? std::nullopt : count(Limit::guess, guess_.take(address, now));
}

}  // namespace afterword::gateway
