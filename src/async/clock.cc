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

std::chrono::nanoseconds boot_clock() {
  ::timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Milliseconds Clock::wall_offset() {
  server_time_.measure_offset(machine_time());
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
  // Two clocks cannot be read at once. If we were interrupted between them, we read them again.
  constexpr std::chrono::milliseconds at_once{5};
  constexpr int most_tries = 20;
  MachineTime read;
  for (int tries = 0; tries < most_tries; ++tries) {
    const auto before = boot_clock();
    const auto wall = std::chrono::system_clock::now();
    const auto after = boot_clock();
    read = {boot_id, std::chrono::floor<Milliseconds>(before), std::chrono::floor<Milliseconds>(wall)};
    if (after - before < at_once) break;
  }
  return read;
}

Milliseconds SystemClock::since_boot() const { return std::chrono::floor<Milliseconds>(boot_clock()); }

}  // namespace afterword::async
