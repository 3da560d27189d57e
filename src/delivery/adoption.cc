#include "delivery/adoption.h"

#include <utility>
#include <vector>

namespace afterword::delivery {

using domain::DelayId;
using domain::State;

Task<store::StoreResult<void>> Adoption::begin() {
  auto adopted = co_await adopt_all();
  grace_.begin(parts_.context.clock.now());
  co_return adopted;
}

Task<void> Adoption::run() {
  Context& context = parts_.context;
  while (!context.is_stopping()) {
    co_await context.clock.sleep_for(context.options.adoption_interval);
    if (context.is_stopping()) co_return;
    auto adopting = adopt_all();
    const auto adopted = co_await context.catch_errors("adopting delayed events", std::move(adopting));
    if (adopted) parts_.store_retry.note_result(*adopted);
  }
}

Task<store::StoreResult<void>> Adoption::adopt_all() {
  while (true) {
    const auto adopted = co_await adopt_some();
    if (!adopted) co_return adopted.error();
    if (*adopted == 0) co_return store::StoreResult<void>();
  }
}

// How many.
Task<store::StoreResult<std::size_t>> Adoption::adopt_some() {
  const AdoptionLock::Held exclusive = co_await parts_.adoption_lock.exclusive();
  const auto adopted = co_await parts_.store.adopt();
  if (!adopted) co_return adopted.error();

  parts_.context.counts.adopted += adopted->size();
  std::vector<DelayId> sending;
  for (const store::Adopted& event : *adopted) {
    parts_.due_events.set_timer(event.due, event.delay_id);
    if (event.state == State::sending && !parts_.attempts.contains(event.delay_id)) sending.push_back(event.delay_id);
  }
  if (!sending.empty()) {
    auto find = [this, &sending] { return parts_.store.find_active(sending); };
    const auto under_way = co_await parts_.store_retry.until_available(find);
    for (const store::ActiveEvent& event : *under_way) {
      auto attempt = parts_.attempts.begin(event.delay_id);
      if (event.state != State::sending || !attempt) continue;
      auto continuing = continue_attempt(parts_, std::move(attempt), event);
      parts_.context.attempts.spawn("continuing to send a delayed event", std::move(continuing));
    }
  }
  co_return adopted->size();
}

}  // namespace afterword::delivery
