#include "async/task_group.h"

#include "base/end_process.h"
#include "base/log.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cassert>
#include <exception>
#include <utility>

namespace afterword::async {

// The signal of one task, which goes with that task: Asio keeps it until the task has ended, or was destroyed
// unfinished.
class TaskGroup::Presence {
 public:
  explicit Presence(std::shared_ptr<Signals> signals)
      : signals_(std::move(signals)), signal_(signals_->emplace(signals_->end())) {}
  ~Presence() { leave(); }
  Presence(Presence&& other) noexcept : signals_(std::move(other.signals_)), signal_(other.signal_) {}
  Presence& operator=(Presence&&) = delete;

  asio::cancellation_signal& signal() { return *signal_; }
  void leave() {
    if (const auto signals = std::exchange(signals_, nullptr)) signals->erase(signal_);
  }

 private:
  std::shared_ptr<Signals> signals_;  // none once the task has gone
  Signals::iterator signal_;
};

TaskGroup::TaskGroup(Executor executor, OnFailure on_failure)
    : executor_(std::move(executor)),
      on_failure_(on_failure),
      signals_(std::make_shared<Signals>()),
      all_ended_(executor_, asio::steady_timer::time_point::max()) {}

TaskGroup::~TaskGroup() { assert(signals_->empty() && "join() first"); }

void TaskGroup::spawn(std::string name, Task<void> task) {
  Presence presence(signals_);
  asio::cancellation_signal& signal = presence.signal();
  asio::co_spawn(
      executor_, std::move(task),
      asio::bind_cancellation_slot(signal.slot(), [this, name = std::move(name), presence = std::move(presence)](
                                                      const std::exception_ptr& failure) mutable {
        presence.leave();
        note_end(name, failure);
      }));
  if (stopping_) signal.emit(asio::cancellation_type::terminal);
}

void TaskGroup::note_end(const std::string& name, const std::exception_ptr& failure) {
  if (failure && !stopping_) {
    if (on_failure_ == OnFailure::end_process) end_process(name, failure);
    log::error("{}", describe_failure(name, failure));
  }
  if (signals_->empty()) all_ended_.cancel();
}

void TaskGroup::stop() {
  stopping_ = true;
  // A handler that runs inside emit() may erase its own signal.
  for (auto signal = signals_->begin(); signal != signals_->end();) {
    const auto current = signal++;
    current->emit(asio::cancellation_type::terminal);
  }
}

Task<void> TaskGroup::join() {
  while (!signals_->empty()) {
    boost::system::error_code ignored;
    co_await all_ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace afterword::async
