#include "async/condition.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace afterword::async {

Condition::Condition(Executor executor) : notified_(executor, asio::steady_timer::time_point::max()) {}

void Condition::notify_all() {
  ++notifications_;
  notified_.cancel();
}

Task<void> Condition::wait() { return wait_beyond(notifications_); }

Task<void> Condition::wait_until(Clock& clock, Steady when) {
  using namespace asio::experimental::awaitable_operators;
  auto notified = wait_beyond(notifications_);
  auto late = clock.sleep_until(when);
  co_await (std::move(notified) || std::move(late));
}

Task<void> Condition::wait_beyond(std::uint64_t notification) {
  if (notifications_ != notification) co_return;
  boost::system::error_code ignored;
  co_await notified_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace afterword::async
