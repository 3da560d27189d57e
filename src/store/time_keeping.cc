#include "store/time_keeping.h"

#include "base/log.h"

#include <boost/asio/this_coro.hpp>

#include <optional>
#include <utility>

namespace afterword::store {
namespace {

constexpr std::chrono::seconds between_looks{1};
constexpr std::chrono::minutes between_writes{1};

}  // namespace

Task<StoreResult<void>> begin_time(async::Clock& clock, Store& store) {
  MachineTime machine = clock.machine_time();
  const auto time = co_await store.keep_time(std::move(machine));
  if (!time) co_return time.error();
  clock.follow(*time);
  co_return StoreResult<void>();
}

Task<void> keep_time(async::Clock& clock, Store& store) {
  const auto cancellation = co_await async::asio::this_coro::cancellation_state;
  std::optional<Milliseconds> kept_offset;
  Milliseconds known_offset = clock.wall_offset();
  async::Steady next_write = clock.steady_now();
  while (cancellation.cancelled() == async::asio::cancellation_type::none) {
    const Milliseconds offset = clock.wall_offset();
    if (offset != known_offset) log::warn("the wall clock was set by {} ms", (offset - known_offset).count());
    known_offset = offset;
    if (offset != kept_offset || clock.steady_now() >= next_write) {
      // What cannot be kept is logged by the store, and tried again.
      MachineTime machine = clock.machine_time();
      const auto kept = co_await store.keep_time(std::move(machine));
      if (kept) {
        kept_offset = offset;
        next_write = clock.steady_now() + between_writes;
      }
    }
    co_await clock.sleep_for(between_looks);
  }
}

}  // namespace afterword::store
