// Owns background tasks: nothing in the server is detached.
//
// Lifecycle: spawn() as often as wanted; stop() asks every task to end by cancelling what it waits for; join() goes on
// when the last one has ended. A group must not be destroyed before its tasks have gone. They go in one of two ways:
// they end, which join() waits for; or their execution context is shut down and destroys them where they wait, which is
// how the simulator kills a process. One strand, that of its executor.
#pragma once

#include "async/task.h"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <string>

namespace afterword::async {

// What becomes of the process when an exception leaves a task, which is a bug. A task for one request or one event may
// be lost alone. One on which all others depend, as timers and pauses, must not: nothing would tell that it has gone.
enum class OnFailure : std::uint8_t { end_task, end_process };

class TaskGroup {
 public:
  explicit TaskGroup(Executor executor, OnFailure on_failure = OnFailure::end_task);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task`. An exception that leaves it is logged under `name`.
  void spawn(std::string name, Task<void> task);

  void stop();
  Task<void> join();

  bool stopping() const { return stopping_; }
  std::size_t size() const { return signals_->size(); }

 private:
  using Signals = std::list<asio::cancellation_signal>;
  class Presence;

  void note_end(const std::string& name, const std::exception_ptr& failure);

  Executor executor_;
  const OnFailure on_failure_;
  std::shared_ptr<Signals> signals_;  // one for each task that has not gone
  asio::steady_timer all_ended_;      // never expires; cancelled when the last task has ended
  bool stopping_ = false;
};

}  // namespace afterword::async
