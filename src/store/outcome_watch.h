// A store that says when an event of a user was sent or has failed, to those who wait for that in this process. What
// another instance records is not heard of here.
//
// Lifecycle and thread: those of the store that it passes all on to. It outlives those who wait.
#pragma once

#include "async/clock.h"
#include "async/condition.h"
#include "store/forwarding_store.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <unordered_map>

namespace afterword::store {

class OutcomeWatch final : public ForwardingStore {
 public:
  OutcomeWatch(async::Executor executor, Store& store) : ForwardingStore(store), executor_(std::move(executor)) {}

  // `late` hears of each whose outcome is recorded so much later than its time says.
  using Late = std::function<void(const UserId&)>;
  void tell_late(async::Clock& clock, Milliseconds limit, Late late);

  Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) override;

  // One who waits for outcomes of a user, from when it is made on.
  class Waiter {
   public:
    Waiter(OutcomeWatch& watch, UserId user_id);
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter();

    // Goes on when there was an outcome that it has not been told of; at once if that is so. A cancelled task stops
    // waiting, without an error.
    Task<void> wait();

   private:
    friend OutcomeWatch;
    const std::shared_ptr<std::unordered_multimap<UserId, Waiter*>> waiters_;
    const UserId user_id_;
    async::Condition told_;
    bool has_news_ = false;
  };

 private:
  bool is_late(Timestamp finalised_ts) const { return late_ && clock_->now() - finalised_ts > late_limit_; }

  const async::Executor executor_;
  async::Clock* clock_ = nullptr;
  Milliseconds late_limit_{};
  Late late_;
  // Held by those who wait, too: they may be destroyed after us, where they wait.
  const std::shared_ptr<std::unordered_multimap<UserId, Waiter*>> waiters_ =
      std::make_shared<std::unordered_multimap<UserId, Waiter*>>();
};

}  // namespace afterword::store
