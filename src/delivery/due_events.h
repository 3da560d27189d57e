// When to look at which event: hands on what is due, in the order of time, once its grace is over.
//
// A timer is only a hint. When it fires, the store is asked: what was postponed is looked at again when it is due, what
// has an outcome is dropped. Thread: the server's only one. What the store cannot do now is repeated until it can.
#pragma once

#include "async/condition.h"
#include "delivery/context.h"
#include "delivery/grace.h"
#include "delivery/store_retry.h"
#include "delivery/timer_heap.h"
#include "store/store.h"

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace afterword::delivery {

class DueEvents {
 public:
  // `changed` is notified when complete_until() may be later than before.
  DueEvents(Context& context, store::Store& store, StoreRetry& store_retry, const Grace& grace,
            async::Condition& changed, std::function<void(const store::ActiveEvent&)> hand_on)
      : context_(context),
        store_(store),
        store_retry_(store_retry),
        grace_(grace),
        changed_(changed),
        hand_on_(std::move(hand_on)),
        timer_set_(context.executor) {}

  // The store is asked about the event then. An event may have more than one timer, which does no harm.
  void set_timer(Timestamp when, domain::DelayId delay_id);

  // All that is due before then was handed on. What is due later may have to go behind something that its timer has yet
  // to bring.
  Timestamp complete_until() const;

  // Until we stop.
  Task<void> run();

  // The earliest, in their order, at most `limit`.
  std::vector<Timer> first_timers(std::size_t limit) const;

  std::size_t timers() const { return timers_.size() + held_.size(); }

 private:
  std::optional<Timestamp> next_wake() const;
  void release_held(Timestamp now);
  void sort_out(const std::vector<store::ActiveEvent>& found);

  Context& context_;
  store::Store& store_;
  StoreRetry& store_retry_;
  const Grace& grace_;
  async::Condition& changed_;
  const std::function<void(const store::ActiveEvent&)> hand_on_;

  TimerHeap timers_;
  std::multimap<Timestamp, Timer> held_;  // by the grace, until then
  std::optional<Timestamp> fired_;        // the time of the earliest timer that has fired, until its event is handed on
  async::Condition timer_set_;
};

}  // namespace afterword::delivery
