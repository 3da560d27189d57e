#include "main/watchdog.h"

#include <boost/asio/this_coro.hpp>

namespace afterword {

async::Task<void> keep_watchdog(async::Clock& clock, store::Store& store, std::chrono::milliseconds interval,
                                std::function<void()> say_alive) {
  const auto cancellation = co_await async::asio::this_coro::cancellation_state;
  while (cancellation.cancelled() == async::asio::cancellation_type::none) {
    const auto answer = co_await store.try_to_write();
    static_cast<void>(answer);  // that there is one is enough
    say_alive();
    co_await clock.sleep_for(interval);
  }
}

}  // namespace afterword
