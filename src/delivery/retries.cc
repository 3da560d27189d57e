#include "delivery/retries.h"

#include <algorithm>
#include <utility>

namespace afterword::delivery {
namespace {

constexpr int gateway_timeout = 504;
// After which a room in which nothing has failed may be held up anew.
constexpr std::chrono::hours hold_is_forgotten_after{1};

}  // namespace

bool Retry::is_hopeless(Timestamp server_now, async::Steady now, async::Steady outage_end,
                        const Options& options) const {
  const bool is_late = server_now - due >= options.give_up_after;
  return is_aside && is_late && now - std::max(since, outage_end) >= options.longest_hold;
}

domain::HomeserverError final_error(const Retry* retry) {
  if (retry != nullptr && retry->last_answer) return *retry->last_answer;
  return {gateway_timeout, R"({"errcode":"M_UNKNOWN","error":"The homeserver gave no answer"})"};
}

Retries::Retries(const Options& options)
    : backoff(options.first_retry, options.last_retry),
      options_(options),
      backoff_aside_(options.first_retry_aside, options.last_retry_aside) {}

Retry& Retries::note_failure(domain::DelayId delay_id, domain::RoomId room_id, Timestamp due,
                             const std::optional<domain::HomeserverError>& answer, async::Steady began,
                             async::Steady now, async::Steady outage_end) {
  began = std::max(began, outage_end);
  Hold& hold = hold_of(room_id, began, now, outage_end);
  const Retry first{due, std::move(room_id), now, began};
  Retry& retry = retries_.try_emplace(delay_id, first).first->second;
  if (retry.due != due) retry = first;
  count(hold, retry, now);
  retry.last = now;
  if (retry.since < outage_end) {
    retry.since = now;
    retry.failures = 0;
    retry.rounds = 0;
  }
  ++retry.failures;
  if (answer) retry.last_answer = answer;
  return retry;
}

bool Retries::Hold::is_over(async::Steady now, async::Steady outage_end) const {
  return now - last_failure >= hold_is_forgotten_after || since < outage_end;
}

Retries::Hold& Retries::hold_of(const domain::RoomId& room_id, async::Steady began, async::Steady now,
                                async::Steady outage_end) {
  if (now >= next_sweep_) {
    std::erase_if(holds_, [&](const auto& entry) { return entry.second.is_over(now, outage_end); });
    next_sweep_ = now + hold_is_forgotten_after;
  }
  const Hold anew{now, began, now};
  Hold& hold = holds_.try_emplace(room_id, anew).first->second;
  if (hold.is_over(now, outage_end)) hold = anew;
  hold.last_failure = now;
  return hold;
}

bool Retries::has_waited_enough(const domain::RoomId& room_id, async::Steady now, async::Steady outage_end) const {
  const auto hold = holds_.find(room_id);
  return hold != holds_.end() && !hold->second.is_over(now, outage_end) && hold->second.used >= options_.longest_hold;
}

void Retries::count(Hold& hold, const Retry& retry, async::Steady now) {
  const async::Steady from = std::max(retry.last, hold.counted);
  if (retry.is_aside || now <= from) return;
  hold.used += now - from;
  hold.counted = now;
}

Milliseconds Retries::hold_left(const Retry& retry) const {
  const auto hold = holds_.find(retry.room_id);
  const auto used = hold == holds_.end() ? async::Steady::duration{} : hold->second.used;
  return std::chrono::ceil<Milliseconds>(options_.longest_hold - used);
}

void Retries::forget(domain::DelayId delay_id, async::Steady now) {
  const auto found = retries_.find(delay_id);
  if (found == retries_.end()) return;
  const auto hold = holds_.find(found->second.room_id);
  if (hold != holds_.end()) count(hold->second, found->second, now);
  retries_.erase(found);
}

const Retry* Retries::find(domain::DelayId delay_id, Timestamp due) const {
  const auto found = retries_.find(delay_id);
  return found == retries_.end() || found->second.due != due ? nullptr : &found->second;
}

bool Retries::is_aside(domain::DelayId delay_id, Timestamp due) const {
  const Retry* const retry = find(delay_id, due);
  return retry != nullptr && retry->is_aside;
}

std::size_t Retries::aside() const {
  const auto is_aside = [](const auto& retry) { return retry.second.is_aside; };
  return static_cast<std::size_t>(std::ranges::count_if(retries_, is_aside));
}

std::vector<std::pair<Timestamp, domain::DelayId>> Retries::some_aside(std::size_t limit) const {
  std::vector<std::pair<Timestamp, domain::DelayId>> found;
  for (const auto& [delay_id, retry] : retries_) {
    if (limit-- == 0) break;
    if (retry.is_aside) found.emplace_back(retry.due, delay_id);
  }
  return found;
}

Milliseconds Retries::set_aside_or_wait(domain::DelayId delay_id, Timestamp due, bool may_have_arrived,
                                        Milliseconds at_least) {
  const auto found = retries_.find(delay_id);
  if (found == retries_.end() || found->second.due != due) return Milliseconds(0);
  Retry& retry = found->second;
  const Milliseconds left = hold_left(retry);
  if (!retry.is_aside && left <= Milliseconds(0)) set_aside(retry, may_have_arrived);
  if (retry.is_aside) return pause_aside(retry, may_have_arrived, at_least);
  return std::min(std::max(backoff.after(retry.failures), at_least), left);
}

void Retries::set_aside(Retry& retry, bool may_have_arrived) {
  retry.is_aside = true;
  retry.failures = 0;
  retry.rounds = may_have_arrived ? 0 : 1;  // what has not arrived has a round behind it
}

// What may have arrived is looked for soon. What has not arrived is sent again, at growing intervals.
Milliseconds Retries::pause_aside(Retry& retry, bool may_have_arrived, Milliseconds at_least) {
  if (may_have_arrived) return backoff.after(std::max(retry.failures, 1U));
  const unsigned round = retry.rounds++;
  return std::max(round == 0 ? Milliseconds(0) : backoff_aside_.after(round), at_least);
}

}  // namespace afterword::delivery
