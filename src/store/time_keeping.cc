#include "store/time_keeping.h"

#include "base/log.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace afterword::store {
namespace {

constexpr std::chrono::seconds between_looks{1};
constexpr std::chrono::minutes between_writes{1};
// A store that instances share has a clock of its own. We would be ahead of the others by the time between our reading
// of the machine's clock and the store's of its own. So a question that took longer than this, because the process or
// the network stood still, is asked again.
constexpr Milliseconds asked_quickly{50};
constexpr int most_tries = 10;

}  // namespace

Task<StoreResult<void>> restore_server_time(async::Clock& clock, Store& store) {
  auto shortest = Milliseconds::max();
  for (int tries = 0; tries < most_tries && shortest > asked_quickly; ++tries) {
    MachineTime machine = clock.machine_time();
    const Milliseconds asked = machine.since_boot;
    const auto time = co_await store.save_time(std::move(machine));
    if (!time) co_return time.error();
    const Milliseconds took = clock.machine_time().since_boot - asked;
    if (took < shortest) clock.follow(*time);
    shortest = std::min(shortest, took);
  }
  co_return StoreResult<void>();
}

Task<void> save_server_time(async::Clock& clock, Store& store) {
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
      const auto kept = co_await store.save_time(std::move(machine));
      if (kept) {
        kept_offset = offset;
        next_write = clock.steady_now() + between_writes;
      }
    }
    co_await clock.sleep_for(between_looks);
  }
}

}  // namespace afterword::store
