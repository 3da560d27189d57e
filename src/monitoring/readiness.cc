#include "monitoring/readiness.h"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace afterword::monitoring {
namespace {

constexpr std::chrono::seconds trusted_for{1};
constexpr std::chrono::seconds patience{2};

}  // namespace

Readiness::Readiness(async::Executor executor, async::Clock& clock, store::Store& store)
    : clock_(clock), store_(store), tried_(executor), tasks_(executor) {}

Task<std::optional<std::string>> Readiness::why_not() {
  if (phase_ == Phase::starting) co_return "it is starting";
  if (phase_ == Phase::stopping) co_return "it is stopping";
  if (is_out_of_service_) co_return "it was taken out of service";

  const async::Steady asked = clock_.steady_now();
  if (last_ && asked - last_->when < trusted_for) co_return last_->failure;
  if (!trying_since_) {
    trying_since_ = asked;
    tasks_.spawn("trying whether the database takes changes", try_store());
  }
  const async::Steady give_up = asked + patience;
  while (trying_since_ && clock_.steady_now() < give_up) co_await tried_.wait_until(clock_, give_up);
  if (trying_since_) {
    const auto waited = std::chrono::floor<std::chrono::seconds>(clock_.steady_now() - *trying_since_);
    co_return fmt::format("the database has not answered for {} s", waited.count());
  }
  co_return last_ ? last_->failure : "it is stopping";
}

Task<void> Readiness::try_store() {
  std::optional<std::string> failure;
  try {
    const auto written = co_await store_.try_to_write();
    if (!written) failure = "the database takes no changes: " + written.error().reason;
  } catch (const std::exception& error) {
    failure = std::string("the database cannot be tried: ") + error.what();
  }
  last_ = Tried{clock_.steady_now(), std::move(failure)};
  trying_since_.reset();
  tried_.notify_all();
}

Task<void> Readiness::close() {
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace afterword::monitoring
