#include "delivery/adoption.h"

#include <vector>

namespace afterword::delivery {

using domain::DelayId;
using domain::State;

Task<store::StoreResult<void>> Adoption::begin() {
  auto adopted = co_await adopt();
  context_.grace.begin(context_.clock.now());
  co_return adopted;
}

Task<void> Adoption::keep_on() {
  while (!context_.stopping) {
    co_await context_.clock.sleep_for(context_.options.adoption_interval);
    if (context_.stopping) co_return;
    auto adopting = adopt_and_note();
    co_await context_.go_on_after_errors("adopting delayed events", std::move(adopting));
  }
}

Task<void> Adoption::adopt_and_note() {
  const auto adopted = co_await adopt();
  context_.heard(adopted);
}

Task<store::StoreResult<void>> Adoption::adopt() {
  while (true) {
    const auto adopted = co_await adopt_behind_the_gate();
    turns_.dispatch();
    if (!adopted) co_return adopted.error();
    if (*adopted == 0) co_return store::StoreResult<void>();
  }
}

Task<store::StoreResult<std::size_t>> Adoption::adopt_behind_the_gate() {
  const AttemptGate::Closing closing = co_await gate_.close();
  co_return co_await adopt_some();
}

// How many.
Task<store::StoreResult<std::size_t>> Adoption::adopt_some() {
  const auto adopted = co_await context_.store.adopt();
  if (!adopted) co_return adopted.error();

  std::vector<DelayId> sending;
  for (const store::Active& event : *adopted) {
    alarm_.set(event.due, event.delay_id);
    if (event.state == State::sending && !attempts_.contains(event.delay_id)) sending.push_back(event.delay_id);
  }
  if (!sending.empty()) {
    auto look = [this, &sending] { return context_.store.look(sending); };
    const auto under_way = co_await context_.insist(look);
    for (const store::Look& event : *under_way) {
      if (event.state != State::sending) continue;
      attempts_.begin(event.delay_id);
      attempts_.note_unclear(event.delay_id, context_.clock.steady_now());
      turns_.take_over(event.room_id, event.user_id, event.timing.due(), event.delay_id);
    }
  }
  co_return adopted->size();
}

}  // namespace afterword::delivery
