// Keeps adoptions apart from what begins or ends attempts. While events of other instances become ours, the store does
// not say any more that they go before ours (store::Behind), and they are not queued here yet; and whether an attempt
// for an event is under way here must be plain when the event is adopted.
//
// Shared by the verbs of the store that begin or end attempts, exclusive for an adoption. Both are given back however
// their holder ends. Thread: the server's only one. No errors.
#pragma once

#include "async/condition.h"
#include "delivery/context.h"

#include <cstddef>
#include <memory>

namespace afterword::delivery {

class AdoptionLock {
 public:
  // `changed` is notified when it is given back.
  AdoptionLock(Context& context, async::Condition& changed) : context_(context), changed_(changed) {}

  struct GiveBack {
    bool exclusive = false;
    void operator()(AdoptionLock* lock) const { lock->give_back(exclusive); }
  };
  using Held = std::unique_ptr<AdoptionLock, GiveBack>;

  // From the call of exclusive() on, shared() waits until that is given back. When we stop nobody waits.
  Task<Held> exclusive();
  Task<Held> shared();
  bool is_exclusive() const { return exclusive_; }

  // Asks the store while it is shared. Nothing is adopted before its caller has gone on to its next wait.
  template <class Ask>
  auto while_shared(Ask ask) -> decltype(ask()) {
    const Held held = co_await shared();
    auto asking = ask();
    auto answer = co_await std::move(asking);
    co_return answer;
  }

 private:
  void give_back(bool exclusive);

  Context& context_;
  async::Condition& changed_;
  bool exclusive_ = false;
  std::size_t sharing_ = 0;
};

}  // namespace afterword::delivery
