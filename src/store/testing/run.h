// Runs tasks on an executor of the test's own until they are done.
#pragma once

#include "async/task.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace afterword::store::testing {

class Runner {
 public:
  async::Executor executor() { return io_.get_executor(); }

  template <class T>
  T run(async::Task<T> task) {
    std::vector<async::Task<T>> tasks;
    tasks.push_back(std::move(task));
    return std::move(run_together(std::move(tasks)).front());
  }

  // Begins all before any goes on.
  template <class T>
  std::vector<T> run_together(std::vector<async::Task<T>> tasks) {
    std::vector<std::optional<T>> answers(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) start(keep_answer(std::move(tasks[i]), answers[i]));
    run_started();
    std::vector<T> values;
    for (auto& answer : answers) values.push_back(std::move(answer.value()));
    return values;
  }

  void run(async::Task<void> task) {
    start(std::move(task));
    run_started();
  }

  void start(async::Task<void> task) {
    async::asio::co_spawn(io_, std::move(task), [](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }
  void run_started() {
    io_.restart();
    io_.run();
  }

 private:
  template <class T>
  static async::Task<void> keep_answer(async::Task<T> task, std::optional<T>& answer) {
    answer = co_await std::move(task);
  }

  async::asio::io_context io_{1};
};

}  // namespace afterword::store::testing
