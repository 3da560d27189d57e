// A clock that stands still until the test moves it, and the loop that runs tasks under it. A day passes in a
// millisecond, and every run is the same.
//
// Its functions, apart from Clock's, are called from outside of the tasks. Everything that the tasks wait for must come
// from this clock or from its io_context, not from other threads or sockets.
#pragma once

#include "async/clock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace afterword::async::testing {

class ManualClock final : public Clock {
 public:
  // Where the tasks under this clock run.
  asio::io_context& context() { return context_; }

  ManualClock();

  Steady steady_now() const override { return steady_; }
  Task<void> sleep_until(Steady when) override;
  MachineTime machine_time() const override;

  // Lets time pass. Who sleeps meanwhile is woken in the order of their times, each at its own time.
  void advance(std::chrono::milliseconds duration);

  // Somebody sets the system's clock: wall time jumps, in either direction, and no time passes.
  void step_wall(std::chrono::milliseconds by) { wall_ += by; }

  // The machine sleeps: time passes, but not for those who wait by steady time.
  void suspend(std::chrono::milliseconds duration);

  // The machine starts anew, after this time. Whoever asks for now() must have follow() called first.
  void boot(std::chrono::milliseconds downtime);

  // Runs what is ready, and what that makes ready, without letting time pass.
  void settle();

  // Runs `task` to its end, letting time pass whenever nothing else can happen. Throws what the task throws, and
  // std::runtime_error if it has not ended within `limit` or waits for something that cannot come.
  template <class T>
  T run(Task<T> task, std::chrono::milliseconds limit = std::chrono::hours(48));

 private:
  struct Sleeper;
  using Sleepers = std::multimap<Steady, Sleeper*>;

  void run_until(const std::function<bool()>& done, std::chrono::milliseconds limit);
  Milliseconds since_boot() const override;
  void move_to(Steady when);
  void wake_first();

  WallTime wall_ = wall_from_ms(1'800'000'000'000);
  Steady steady_{std::chrono::hours(1)};
  Milliseconds boot_ahead_{};  // boot clock - steady time
  int boots_ = 1;
  Sleepers sleepers_;
  asio::io_context context_{1};  // last: tasks that it still holds leave the list of sleepers when it goes
};

template <class T>
T ManualClock::run(Task<T> task, std::chrono::milliseconds limit) {
  // Shared: a task that is given up must not write to a frame that is gone.
  struct End {
    bool reached = false;
    std::exception_ptr failure;
    std::conditional_t<std::is_void_v<T>, std::monostate, std::optional<T>> value;
  };
  const auto end = std::make_shared<End>();
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(context_, std::move(task), [end](std::exception_ptr failure) {
      end->failure = std::move(failure);
      end->reached = true;
    });
  } else {
    asio::co_spawn(context_, std::move(task), [end](std::exception_ptr failure, T value) {
      end->failure = std::move(failure);
      if (!end->failure) end->value = std::move(value);
      end->reached = true;
    });
  }
  run_until([end] { return end->reached; }, limit);
  if (end->failure) std::rethrow_exception(end->failure);
  if constexpr (!std::is_void_v<T>) return std::move(*end->value);
}

}  // namespace afterword::async::testing
