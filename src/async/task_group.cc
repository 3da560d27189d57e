#include "async/task_group.h"

#include "base/log.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cassert>
#include <exception>

namespace afterword::async {
namespace {

void log_failure(const std::string& name, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::error("{} ended with an error: {}", name, error.what());
  } catch (...) {
    log::error("{} ended with an unknown error", name);
  }
}

}  // namespace

TaskGroup::TaskGroup(Executor executor)
    : executor_(std::move(executor)), all_ended_(executor_, asio::steady_timer::time_point::max()) {}

TaskGroup::~TaskGroup() { assert(signals_.empty() && "join() first"); }

void TaskGroup::spawn(std::string name, Task<void> task) {
  const auto signal = signals_.emplace(signals_.end());
  const bool stopping = stopping_;
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(
                     signal->slot(), [this, signal, name = std::move(name)](const std::exception_ptr& failure) {
                       if (failure && !stopping_) log_failure(name, failure);
                       signals_.erase(signal);
                       if (signals_.empty()) all_ended_.cancel();
                     }));
  if (stopping) signal->emit(asio::cancellation_type::terminal);
}

void TaskGroup::stop() {
  stopping_ = true;
  // A handler that runs inside emit() may erase its own signal.
  for (auto signal = signals_.begin(); signal != signals_.end();) {
    const auto current = signal++;
    current->emit(asio::cancellation_type::terminal);
  }
}

Task<void> TaskGroup::join() {
  while (!signals_.empty()) {
    boost::system::error_code ignored;
    co_await all_ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace afterword::async
