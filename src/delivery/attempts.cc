#include "delivery/attempts.h"

namespace afterword::delivery {

bool Attempts::begin(domain::DelayId delay_id, Reply reply) {
  return attempts_.emplace(delay_id, UnderWay{std::move(reply)}).second;
}

void Attempts::end(domain::DelayId delay_id, SendNowAnswer answer) {
  const auto attempt = attempts_.extract(delay_id);
  if (attempt && attempt.mapped().reply) attempt.mapped().reply->emplace(std::move(answer));
  ended_.notify_all();
}

void Attempts::note_unclear(domain::DelayId delay_id, async::Steady now) {
  const auto found = attempts_.find(delay_id);
  if (found == attempts_.end()) return;
  found->second.quiet_until = now + options_.quiet_time;
  if (!found->second.unclear_since) found->second.unclear_since = now;
}

bool Attempts::is_quiet(domain::DelayId delay_id, async::Steady now) const {
  const auto found = attempts_.find(delay_id);
  return found == attempts_.end() || now >= found->second.quiet_until;
}

bool Attempts::holds_too_long(domain::DelayId delay_id, async::Steady now) const {
  const auto found = attempts_.find(delay_id);
  if (found == attempts_.end() || !found->second.unclear_since) return false;
  return now - *found->second.unclear_since >= options_.longest_hold;
}

}  // namespace afterword::delivery
