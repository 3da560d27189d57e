#include "delivery/retries.h"

#include <algorithm>

namespace afterword::delivery {
namespace {

constexpr int gateway_timeout = 504;

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

Retry& Retries::note_failure(domain::DelayId delay_id, Timestamp due,
                             const std::optional<domain::HomeserverError>& answer, async::Steady now,
                             async::Steady outage_end) {
  Retry& retry = retries_.try_emplace(delay_id, Retry{due, now}).first->second;
  if (retry.due != due) retry = Retry{due, now};
  if (retry.since < outage_end) {
    retry.since = now;
    retry.failures = 0;
    retry.rounds = 0;
  }
  ++retry.failures;
  if (answer) retry.last_answer = answer;
  return retry;
}

const Retry* Retries::find(domain::DelayId delay_id, Timestamp due) const {
  const auto found = retries_.find(delay_id);
  return found == retries_.end() || found->second.due != due ? nullptr : &found->second;
}

bool Retries::is_aside(domain::DelayId delay_id, Timestamp due) const {
  const Retry* const retry = find(delay_id, due);
  return retry != nullptr && retry->is_aside;
}

Milliseconds Retries::next_pause(domain::DelayId delay_id, Timestamp due, bool unclear, Milliseconds at_least,
                                 async::Steady now) {
  const auto found = retries_.find(delay_id);
  if (found == retries_.end() || found->second.due != due) return Milliseconds(0);
  Retry& retry = found->second;
  const auto hold_left = std::chrono::ceil<Milliseconds>(retry.since + options_.longest_hold - now);
  if (!retry.is_aside && hold_left <= Milliseconds(0)) {
    retry.is_aside = true;
    retry.failures = 0;
    retry.rounds = unclear ? 0 : 1;  // what has not arrived has a round behind it
  }
  if (retry.is_aside && !unclear) {
    const unsigned round = retry.rounds++;
    return std::max(round == 0 ? Milliseconds(0) : backoff_aside_.after(round), at_least);
  }
  const Milliseconds pause = backoff.after(std::max(retry.failures, 1U));
  return retry.is_aside ? pause : std::max(pause, std::min(at_least, hold_left));
}

}  // namespace afterword::delivery
