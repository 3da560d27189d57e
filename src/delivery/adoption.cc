#include "delivery/adoption.h"

#include <algorithm>
#include <vector>

namespace afterword::delivery {

using domain::DelayId;
using domain::State;

Task<store::StoreResult<void>> Adoption::begin() {
  grace_end_ = context_.clock.now() + context_.options.start_grace;
  return adopt();
}

Task<void> Adoption::keep_on() {
  while (!context_.stopping) {
    co_await context_.clock.sleep_for(context_.options.adoption_interval);
    if (context_.stopping) co_return;
    const auto adopted = co_await adopt();
    if (!adopted) Context::warn(adopted.error());
    turns_.dispatch();
  }
}

Task<store::StoreResult<void>> Adoption::adopt() {
  while (true) {
    const auto adopted = co_await context_.store.adopt();
    if (!adopted) co_return adopted.error();
    if (adopted->empty()) co_return store::StoreResult<void>();

    std::vector<DelayId> sending;
    for (const store::Active& event : *adopted) {
      alarm_.set(std::max(event.due, grace_end_), event.delay_id);
      if (event.state == State::sending && !attempts_.contains(event.delay_id)) sending.push_back(event.delay_id);
    }
    if (sending.empty()) continue;
    auto look = [this, &sending] { return context_.store.look(sending); };
    const auto under_way = co_await context_.insist(look);
    for (const store::Look& event : *under_way) {
      if (event.state != State::sending) continue;
      attempts_.begin(event.delay_id);
      attempts_.note_unclear(event.delay_id, context_.clock.steady_now());
      turns_.take_over(event.room_id, event.due, event.delay_id);
    }
  }
}

}  // namespace afterword::delivery
