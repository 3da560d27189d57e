// Keeps what begins or ends attempts, and adoptions apart. While events of other instances become ours, the store tells
// no more that they go before ours (store::Behind), and they are not queued here yet; and whether an attempt for an
// event is under way here must be plain when it is taken over.
//
// Thread: the server's only one. No errors.
#pragma once

#include "async/condition.h"
#include "delivery/context.h"

#include <cstddef>
#include <utility>

namespace afterword::delivery {

class AttemptGate {
 public:
  AttemptGate(async::Executor executor, Context& context) : context_(context), changed_(std::move(executor)) {}

  // Nothing passes from when close() goes on until open().
  Task<void> close();
  void open();
  bool is_closed() const { return closed_; }

  // Asks the store when the gate is open. Nothing is adopted before its caller has gone on to the next wait.
  template <class Verb>
  auto pass(Verb verb) -> decltype(verb()) {
    co_await enter();
    auto asking = verb();
    auto answer = co_await std::move(asking);
    leave();
    co_return answer;
  }

  // For who has more to do between the two.
  Task<void> enter();
  void leave();

 private:
  Context& context_;
  bool closed_ = false;
  std::size_t passing_ = 0;
  async::Condition changed_;
};

}  // namespace afterword::delivery
