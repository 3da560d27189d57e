// Time, passed in. Nothing that decides when something is due asks the system or waits by itself, so that a test or the
// simulator can hold the clock. (Time limits of sockets are real ones, of Asio's timers.)
#pragma once

#include "async/task.h"
#include "base/server_time.h"
#include "base/time.h"

#include <chrono>

namespace afterword::async {

using Steady = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;

  // Server time, in whole milliseconds: never set, and the same scale after a restart (base/server_time.h). What is
  // durable is in it, and what is compared with that.
  Timestamp now() const { return server_time_.at_boot + since_boot(); }

  // To the edge and back: times that are shown or sent are wall time, as it is set at present.
  WallTime wall_now() { return to_wall(now()); }
  WallTime to_wall(Timestamp server) { return afterword::to_wall(server, wall_offset()); }
  Timestamp from_wall(WallTime wall) { return afterword::from_wall(wall, wall_offset()); }
  Milliseconds wall_offset();

  // Where server time stands, as the store knows it. Once, before anything asks for now(); until then it is wall time.
  void follow(ServerTime server_time) { server_time_ = server_time; }

  // Time that only goes forwards, for time limits and waiting. It may stand still while the machine sleeps.
  virtual Steady steady_now() const = 0;

  // Goes on when steady_now() has reached `when`; at once if it has. Ends early, without an error, when the task is
  // cancelled; look at the cancellation state.
  virtual Task<void> sleep_until(Steady when) = 0;

  Task<void> sleep_for(std::chrono::milliseconds duration) { return sleep_until(steady_now() + duration); }

  // The machine's own clocks; server time is made of them.
  virtual MachineTime machine_time() const = 0;

 protected:
  // The same without the boot, which stays the same and whose name is long.
  struct Reading {
    Milliseconds since_boot;
    WallTime wall;
  };
  virtual Reading read_clocks() const;
  virtual Milliseconds since_boot() const = 0;

 private:
  ServerTime server_time_;
};

// The system's clock, its timers on `executor`. The one place that names it.
class SystemClock final : public Clock {
 public:
  explicit SystemClock(Executor executor);

  Steady steady_now() const override;
  Task<void> sleep_until(Steady when) override;
  MachineTime machine_time() const override;

 private:
  Reading read_clocks() const override;
  Milliseconds since_boot() const override;

  Executor executor_;
};

}  // namespace afterword::async
