// What every part of delivery is given: time, the limits, and the groups that own its tasks.
//
// Lifecycle: outlives all parts. Delivery::drain() stops and joins both groups. Thread: the server's only one.
#pragma once

#include "async/clock.h"
#include "async/task_group.h"
#include "base/log.h"
#include "delivery/figures.h"
#include "delivery/options.h"
#include "delivery/unsettled.h"

#include <exception>
#include <optional>

namespace afterword::delivery {

using async::Task;

struct Context {
  Context(async::Executor executor_, async::Clock& clock_, const Options& options_)
      : executor(executor_),
        clock(clock_),
        options(options_),
        loops(executor, async::OnFailure::end_process),
        attempts(executor) {}

  // Nothing new is begun any more.
  bool is_stopping() const { return loops.stopping(); }

  // An exception that leaves a task of delivery is a bug. It is logged, and answered as nothing, so that whoever awaits
  // the task can go on with the other events.
  template <class T>
  Task<std::optional<T>> catch_errors(const char* name, Task<T> task) {
    try {
      T result = co_await std::move(task);
      co_return result;
    } catch (const std::exception& error) {
      if (!is_stopping()) log::error("{} met an error: {}", name, error.what());
    } catch (...) {
      if (!is_stopping()) log::error("{} met an unknown error", name);
    }
    co_return std::nullopt;
  }

  async::Executor executor;
  async::Clock& clock;
  const Options options;
  async::TaskGroup loops;     // end at once when we stop. All events depend on each of them
  async::TaskGroup attempts;  // are waited for when we stop
  Counts counts;
  Doubt::All in_doubt;
};

}  // namespace afterword::delivery
