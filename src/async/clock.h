// Time, passed in. Nothing else in the server asks the system what time it is or waits by itself, so that a test or the
// simulator can hold the clock.
#pragma once

#include "async/task.h"
#include "base/time.h"

#include <chrono>

namespace afterword::async {

using Steady = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time, in whole milliseconds: what Matrix timestamps are made of. It may step in both directions.
  virtual Timestamp now() const = 0;

  // Time that only goes forwards; for time limits and waiting.
  virtual Steady steady_now() const = 0;

  // Goes on when steady_now() has reached `when`; at once if it has. Ends early, without an error, when the task is
  // cancelled; look at the cancellation state.
  virtual Task<void> sleep_until(Steady when) = 0;

  Task<void> sleep_for(std::chrono::milliseconds duration) { return sleep_until(steady_now() + duration); }
};

// The system's clock, its timers on `executor`. The one place that names it.
class SystemClock final : public Clock {
 public:
  explicit SystemClock(Executor executor) : executor_(std::move(executor)) {}

  Timestamp now() const override;
  Steady steady_now() const override;
  Task<void> sleep_until(Steady when) override;

 private:
  Executor executor_;
};

}  // namespace afterword::async
