#include "delivery/attempts.h"

namespace afterword::delivery {

Attempts::UnderWay Attempts::begin(domain::DelayId delay_id) {
  const bool is_new = events_.try_emplace(delay_id).second;
  return UnderWay(is_new ? this : nullptr, End{delay_id});
}

void Attempts::end(domain::DelayId delay_id) {
  events_.erase(delay_id);
  ended_.notify_all();
}

std::optional<domain::DelayId> Attempts::take_event(domain::DelayId delay_id, const domain::EventId& event_id) {
  for (const auto& [other, taken] : events_) {
    if (other != delay_id && taken == event_id) return other;
  }
  events_.at(delay_id) = event_id;
  return std::nullopt;
}

void Attempts::give_back_event(domain::DelayId delay_id) { events_.at(delay_id).reset(); }

}  // namespace afterword::delivery
