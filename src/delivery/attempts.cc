#include "delivery/attempts.h"

#include <algorithm>

namespace afterword::delivery {

bool Attempts::begin(domain::DelayId delay_id, Reply reply) {
  return attempts_.emplace(delay_id, UnderWay{std::move(reply)}).second;
}

void Attempts::end(domain::DelayId delay_id, SendNowAnswer answer) {
  const auto attempt = attempts_.extract(delay_id);
  if (attempt && attempt.mapped().reply) attempt.mapped().reply->emplace(std::move(answer));
  ended_.notify_all();
}

const Attempts::UnderWay* Attempts::find(domain::DelayId delay_id) const {
  const auto found = attempts_.find(delay_id);
  return found == attempts_.end() ? nullptr : &found->second;
}

Attempts::UnderWay* Attempts::find(domain::DelayId delay_id) {
  const auto found = attempts_.find(delay_id);
  return found == attempts_.end() ? nullptr : &found->second;
}

void Attempts::note_unclear(domain::DelayId delay_id, async::Steady now, bool may_be_queued) {
  UnderWay* const attempt = find(delay_id);
  if (attempt == nullptr) return;
  attempt->quiet_until = now + options_.quiet_time;
  attempt->unanswered = now;
  attempt->may_be_queued = may_be_queued;
  attempt->flushed = false;
}

void Attempts::note_may_be_queued(domain::DelayId delay_id) {
  if (UnderWay* const attempt = find(delay_id)) attempt->may_be_queued = true;
}

void Attempts::note_not_asked(domain::DelayId delay_id, async::Steady now) {
  UnderWay* const attempt = find(delay_id);
  if (attempt == nullptr) return;
  if (attempt->quiet_until) attempt->quiet_until = std::max(*attempt->quiet_until, now + options_.quiet_time);
  attempt->unanswered = now;
  attempt->flushed = false;
}

void Attempts::note_flushed(domain::DelayId delay_id, async::Steady now, homeserver::Flush flush) {
  UnderWay* const attempt = find(delay_id);
  if (attempt == nullptr) return;
  attempt->flushed = true;
  if (flush != homeserver::Flush::shown) attempt->quiet_until = now + options_.flush_time;
}

bool Attempts::is_to_be_flushed(domain::DelayId delay_id) const {
  const UnderWay* const attempt = find(delay_id);
  return attempt != nullptr && attempt->may_be_queued && !attempt->flushed;
}

bool Attempts::is_quiet(domain::DelayId delay_id, async::Steady now) const {
  const UnderWay* const attempt = find(delay_id);
  if (attempt == nullptr || !attempt->quiet_until) return false;
  if (attempt->may_be_queued && now - attempt->unanswered < options_.queue_time) return false;
  return now >= *attempt->quiet_until;
}

std::optional<domain::DelayId> Attempts::take(domain::DelayId delay_id, const domain::EventId& event_id) {
  for (const auto& [other, attempt] : attempts_) {
    if (other != delay_id && attempt.event == event_id) return other;
  }
  if (UnderWay* const attempt = find(delay_id)) attempt->event = event_id;
  return std::nullopt;
}

void Attempts::give_back(domain::DelayId delay_id) {
  if (UnderWay* const attempt = find(delay_id)) attempt->event.reset();
}

domain::DelayId Attempts::transaction_of(domain::DelayId delay_id) const {
  const UnderWay* const attempt = find(delay_id);
  return attempt == nullptr ? delay_id : attempt->transaction.value_or(delay_id);
}

void Attempts::exchange(domain::DelayId delay_id, domain::DelayId twin, async::Steady now) {
  if (UnderWay* const attempt = find(delay_id)) attempt->transaction = twin;
  note_unclear(delay_id, now);
}

}  // namespace afterword::delivery
