// Wakes delivery when timers fire. It knows nothing of what they mean.
//
// Thread: the server's only one. No errors.
#pragma once

#include "async/condition.h"
#include "delivery/context.h"
#include "delivery/timers.h"

#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace afterword::delivery {

class Alarm {
 public:
  Alarm(async::Executor executor, Context& context) : context_(context), changed_(std::move(executor)) {}

  void set(Timestamp when, domain::DelayId delay_id);
  // What is held waits until then, and fires in its order among all others.
  void hold(Timestamp until, Timer timer);

  // Of the timers that have neither fired nor are held.
  std::optional<Timestamp> earliest() const { return timers_.earliest(); }

  // Until we stop: hands over what has fired, in the order of time, a bounded number at once.
  Task<void> run(std::function<Task<void>(std::vector<Timer>)> fire);

 private:
  std::optional<Timestamp> next() const;
  void let_go(Timestamp now);
  void look_again(std::vector<Timer> timers, Timestamp when);

  Context& context_;
  Timers timers_;
  std::multimap<Timestamp, Timer> held_;  // by when it is let go
  async::Condition changed_;
};

}  // namespace afterword::delivery
