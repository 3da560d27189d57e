// Owns background tasks: nothing in the server is detached.
//
// Lifecycle: spawn() as often as wanted; stop() asks every task to end by cancelling what it waits for; join() goes on
// when the last one has ended. A group must be joined before it is destroyed. One strand, that of its executor.
#pragma once

#include "async/task.h"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <list>
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
  std::size_t size() const { return signals_.size(); }

 private:
  Executor executor_;
  std::list<asio::cancellation_signal> signals_;  // one a running task
  asio::steady_timer all_ended_;                  // never expires; cancelled when the last task has ended
  bool stopping_ = false;
};

}  // namespace afterword::async
