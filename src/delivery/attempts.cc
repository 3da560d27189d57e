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

void Attempts::note_unclear(domain::DelayId delay_id, async::Steady now, bool may_be_queued) {
  const auto found = attempts_.find(delay_id);
  if (found == attempts_.end()) return;
  found->second.quiet_until = now + options_.quiet_time;
  found->second.unanswered = now;
  found->second.may_be_queued = may_be_queued;
  found->second.flushed = false;
  if (!found->second.unclear_since) found->second.unclear_since = now;
}

void Attempts::note_may_be_queued(domain::DelayId delay_id) {
  const auto found = attempts_.find(delay_id);
  if (found != attempts_.end()) found->second.may_be_queued = true;
}

void Attempts::note_not_asked(domain::DelayId delay_id, async::Steady now) {
  const auto found = attempts_.find(delay_id);
  if (found == attempts_.end()) return;
  found->second.unanswered = now;
  found->second.flushed = false;
}

void Attempts::note_flushed(domain::DelayId delay_id, async::Steady now) {
  const auto found = attempts_.find(delay_id);
  if (found == attempts_.end()) return;
  found->second.flushed = true;
  found->second.quiet_until = now + options_.quiet_time;
}

bool Attempts::is_to_be_flushed(domain::DelayId delay_id) const {
  const auto found = attempts_.find(delay_id);
  return found != attempts_.end() && found->second.may_be_queued && !found->second.flushed;
}

bool Attempts::is_quiet(domain::DelayId delay_id, async::Steady now) const {
  const auto found = attempts_.find(delay_id);
  if (found == attempts_.end()) return true;
  const UnderWay& attempt = found->second;
  if (attempt.may_be_queued && now - attempt.unanswered < options_.queue_time) return false;
  return now >= attempt.quiet_until;
}

bool Attempts::holds_too_long(domain::DelayId delay_id, async::Steady now) const {
  const auto found = attempts_.find(delay_id);
  if (found == attempts_.end() || !found->second.unclear_since) return false;
  return now - *found->second.unclear_since >= options_.longest_hold;
}

std::optional<domain::DelayId> Attempts::take(domain::DelayId delay_id, const domain::EventId& event_id) {
  for (const auto& [other, attempt] : attempts_) {
    if (other != delay_id && attempt.event == event_id) return other;
  }
  const auto found = attempts_.find(delay_id);
  if (found != attempts_.end()) found->second.event = event_id;
  return std::nullopt;
}

void Attempts::give_back(domain::DelayId delay_id) {
  const auto found = attempts_.find(delay_id);
  if (found != attempts_.end()) found->second.event.reset();
}

domain::DelayId Attempts::transaction_of(domain::DelayId delay_id) const {
  const auto found = attempts_.find(delay_id);
  return found == attempts_.end() ? delay_id : found->second.transaction.value_or(delay_id);
}

void Attempts::exchange(domain::DelayId delay_id, domain::DelayId twin, async::Steady now) {
  const auto found = attempts_.find(delay_id);
  if (found != attempts_.end()) found->second.transaction = twin;
  note_unclear(delay_id, now);
}

}  // namespace afterword::delivery
