// What tasks wait for until another task says that something has changed. They then look for themselves: a waiter is
// woken by each notify_all() and knows nothing about why.
//
// Thread: that of its executor. It must outlive those who wait. A cancelled task stops waiting, without an error.
#pragma once

#include "async/clock.h"
#include "async/task.h"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>

namespace afterword::async {

class Condition {
 public:
  explicit Condition(Executor executor);

  void notify_all();

  Task<void> wait();
  // The same, but no longer than until `when`.
  Task<void> wait_until(Clock& clock, Steady when);

 private:
  Task<void> wait_beyond(std::uint64_t notification);

  asio::steady_timer notified_;      // never expires; cancelled to wake those who wait
  std::uint64_t notifications_ = 0;  // so that none is missed by a task that is just about to wait
};

}  // namespace afterword::async
