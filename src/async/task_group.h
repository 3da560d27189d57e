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
#include <exception>
#include <list>
#include <memory>
#include <string>

namespace afterword::async {

class TaskGroup {
 public:
  explicit TaskGroup(Executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task`. An exception that leaves it is a bug: it is logged under `name`, and only this task ends.
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
  std::shared_ptr<Signals> signals_;  // one for each task that has not gone
  asio::steady_timer all_ended_;      // never expires; cancelled when the last task has ended
  bool stopping_ = false;
};

}  // namespace afterword::async
