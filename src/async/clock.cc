#include "async/clock.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace afterword::async {

Timestamp SystemClock::now() const { return std::chrono::floor<Milliseconds>(std::chrono::system_clock::now()); }

Steady SystemClock::steady_now() const { return std::chrono::steady_clock::now(); }

Task<void> SystemClock::sleep_until(Steady when) {
  asio::steady_timer timer(executor_, when);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace afterword::async
