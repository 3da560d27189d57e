#include "async/clock.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace afterword::async {
namespace {

using namespace std::chrono_literals;

TEST(SystemClock, IsWallTimeToBeginWith) {
  asio::io_context io;
  SystemClock clock(io.get_executor());
  EXPECT_EQ(clock.wall_offset(), 0ms);
  EXPECT_FALSE(clock.machine_time().boot_id.empty());
}

// Else an event would seem to be sent before or after it was asked for.
TEST(SystemClock, TicksWithTheWallClock) {
  asio::io_context io;
  const SystemClock clock(io.get_executor());
  constexpr auto apart = 100us;  // at most, for two clocks cannot be read at once
  for (int i = 0; i < 10'000; ++i) {
    const auto before = std::chrono::system_clock::now();
    const WallTime now = to_wall(clock.now(), 0ms);
    const auto after = std::chrono::system_clock::now();
    ASSERT_GE(now, std::chrono::floor<Milliseconds>(before - apart));
    ASSERT_LE(now, std::chrono::floor<Milliseconds>(after + apart));
  }
}

TEST(SystemClock, GoesOnWithinTheBoot) {
  asio::io_context io;
  SystemClock before(io.get_executor());
  const MachineTime machine = before.machine_time();
  ServerTime elsewhere = resume({}, machine);
  elsewhere.at_boot -= 5h;
  elsewhere.measure_offset(machine);

  SystemClock after(io.get_executor());
  after.follow(resume({machine.boot_id, elsewhere, Timestamp::min()}, after.machine_time()));
  EXPECT_EQ(after.wall_offset(), 5h);
  const Timestamp first = after.now();
  std::this_thread::sleep_for(20ms);
  EXPECT_GE(after.now() - first + 1ms, 20ms);
}

}  // namespace
}  // namespace afterword::async
