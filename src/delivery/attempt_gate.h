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

  // Open again when it ends.
  class [[nodiscard]] Closing {
   public:
    explicit Closing(AttemptGate& gate) : gate_(&gate) {}
    Closing(Closing&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Closing& operator=(Closing&&) = delete;
    ~Closing() {
      if (gate_ != nullptr) gate_->open();
    }

   private:
    AttemptGate* gate_;
  };
  // Who passes, until it ends.
  class [[nodiscard]] Passing {
   public:
    explicit Passing(AttemptGate& gate) : gate_(&gate) { ++gate.passing_; }
    Passing(Passing&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Passing& operator=(Passing&&) = delete;
    ~Passing() { leave(); }
    void leave() {
      if (auto* gate = std::exchange(gate_, nullptr)) gate->leave();
    }

   private:
    AttemptGate* gate_;
  };

  // Nothing passes from when it goes on until what it answers ends.
  Task<Closing> close();
  bool is_closed() const { return closed_; }

  // Asks the store when the gate is open. Nothing is adopted before its caller has gone on to the next wait.
  template <class Verb>
  auto pass(Verb verb) -> decltype(verb()) {
    const Passing passing = co_await enter();
    auto asking = verb();
    auto answer = co_await std::move(asking);
    co_return answer;
  }

  // For who has more to do meanwhile.
  Task<Passing> enter();

 private:
  void open();
  void leave();

  Context& context_;
  bool closed_ = false;
  std::size_t passing_ = 0;
  async::Condition changed_;
};

}  // namespace afterword::delivery
