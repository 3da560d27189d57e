#include "async/clock.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <ctime>
#include <fstream>
#include <string>

namespace afterword::async {
namespace {

std::string read_boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

using std::chrono::nanoseconds;

nanoseconds boot_clock() {
  ::timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

struct RawReading {
  nanoseconds since_boot;
  nanoseconds wall;
};

// Two clocks cannot be read at once. If we were interrupted between them, we read them again.
RawReading read_raw_clocks() {
  constexpr std::chrono::microseconds at_once{20};
  constexpr int most_tries = 20;
  RawReading closest{};
  auto shortest = nanoseconds::max();
  for (int tries = 0; tries < most_tries && shortest > at_once; ++tries) {
    const nanoseconds before = boot_clock();
    const nanoseconds wall = std::chrono::system_clock::now().time_since_epoch();
    const nanoseconds took = boot_clock() - before;
    if (took >= shortest) continue;
    shortest = took;
    closest = {before + took / 2, wall};
  }
  return closest;
}

// Of a millisecond: added to the boot clock, it ticks together with the wall clock, so that whole milliseconds of the
// one are whole milliseconds of the other.
nanoseconds phase() {
  static const nanoseconds measured = [] {
    const RawReading read = read_raw_clocks();
    return (read.wall - read.since_boot) % std::chrono::milliseconds(1);
  }();
  return measured;
}

}  // namespace

Clock::Reading Clock::read_clocks() const {
  const MachineTime machine = machine_time();
  return {machine.since_boot, machine.wall};
}

Milliseconds Clock::wall_offset() {
  const Reading read = read_clocks();
  server_time_.measure_offset(read.since_boot, read.wall);
  return server_time_.wall_offset;
}

SystemClock::SystemClock(Executor executor) : executor_(std::move(executor)) { follow(resume({}, machine_time())); }

Steady SystemClock::steady_now() const { return std::chrono::steady_clock::now(); }

Task<void> SystemClock::sleep_until(Steady when) {
  asio::steady_timer timer(executor_, when);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

MachineTime SystemClock::machine_time() const {
  static const std::string boot_id = read_boot_id();
  const Reading read = read_clocks();
  return {boot_id, read.since_boot, read.wall};
}

Clock::Reading SystemClock::read_clocks() const {
  const RawReading read = read_raw_clocks();
  const nanoseconds aligned = read.since_boot + phase();
  const auto since_boot = std::chrono::floor<Milliseconds>(aligned);
  return {since_boot, WallTime(since_boot + std::chrono::round<Milliseconds>(read.wall - aligned))};
}

Milliseconds SystemClock::since_boot() const { return std::chrono::floor<Milliseconds>(boot_clock() + phase()); }

}  // namespace afterword::async
