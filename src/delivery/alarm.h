// Wakes delivery when timers fire. It knows nothing of what they mean.
//
// Thread: the server's only one. No errors.
#pragma once

#include "async/condition.h"
#include "delivery/context.h"
#include "delivery/timers.h"

#include <functional>
#include <vector>

namespace afterword::delivery {

class Alarm {
 public:
  Alarm(async::Executor executor, Context& context) : context_(context), changed_(std::move(executor)) {}

  void set(Timestamp when, domain::DelayId delay_id);

  // Until we stop: hands over what has fired, in the order of time, a bounded number at once.
  Task<void> run(std::function<Task<void>(std::vector<Timer>)> fire);

 private:
  Context& context_;
  Timers timers_;
  async::Condition changed_;
};

}  // namespace afterword::delivery
