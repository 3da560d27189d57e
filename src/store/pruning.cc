#include "store/pruning.h"

#include "base/log.h"

#include <boost/asio/this_coro.hpp>

namespace afterword::store {
namespace {

constexpr std::chrono::milliseconds pause{60'000};
constexpr std::chrono::milliseconds pause_in_a_round{20};

}  // namespace

Task<void> keep_pruning(async::Clock& clock, Store& store, domain::Retention retention) {
  const auto cancellation = co_await async::asio::this_coro::cancellation_state;
  while (cancellation.cancelled() == async::asio::cancellation_type::none) {
    const auto more = co_await store.prune(retention, clock.now());
    if (!more) log::warn("finalised events cannot be pruned: {}", more.error().reason);
    const bool goes_on = more && *more;
    if (!goes_on) log::debug("pruned what was beyond the retention");
    co_await clock.sleep_for(goes_on ? pause_in_a_round : pause);
  }
}

}  // namespace afterword::store
