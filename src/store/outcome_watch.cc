#include "store/outcome_watch.h"

#include <utility>

namespace afterword::store {

// Only where somebody waits for it is it asked whose the event is.
Task<StoreResult<void>> OutcomeWatch::finalise(DelayId delay_id, domain::Finalised finalised) {
  const Timestamp finalised_ts = finalised.finalised_ts;
  auto finalising = ForwardingStore::finalise(delay_id, std::move(finalised));
  const auto recorded = co_await std::move(finalising);
  const bool late = is_late(finalised_ts);
  if (!recorded || (waiters_->empty() && !late)) co_return recorded;
  auto looking = ForwardingStore::look_up(delay_id, std::nullopt);
  const auto event = co_await std::move(looking);
  if (!event || !*event) co_return recorded;
  if (late) late_((*event)->event->user_id);
  const auto [begin, end] = waiters_->equal_range((*event)->event->user_id);
  for (auto waiting = begin; waiting != end; ++waiting) {
    waiting->second->has_news_ = true;
    waiting->second->told_.notify_all();
  }
  co_return recorded;
}

void OutcomeWatch::tell_late(async::Clock& clock, Milliseconds limit, Late late) {
  clock_ = &clock;
  late_limit_ = limit;
  late_ = std::move(late);
}

OutcomeWatch::Waiter::Waiter(OutcomeWatch& watch, UserId user_id)
    : waiters_(watch.waiters_), user_id_(std::move(user_id)), told_(watch.executor_) {
  waiters_->emplace(user_id_, this);
}

OutcomeWatch::Waiter::~Waiter() {
  const auto [begin, end] = waiters_->equal_range(user_id_);
  for (auto waiting = begin; waiting != end; ++waiting) {
    if (waiting->second != this) continue;
    waiters_->erase(waiting);
    return;
  }
}

Task<void> OutcomeWatch::Waiter::wait() {
  if (!has_news_) {
    auto waiting = told_.wait();
    co_await std::move(waiting);
  }
  has_news_ = false;
}

}  // namespace afterword::store
