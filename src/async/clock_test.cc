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
  const MachineTime before = clock.machine_time();
  const Timestamp now = clock.now();
  const MachineTime after = clock.machine_time();
  EXPECT_FALSE(before.boot_id.empty());
  EXPECT_GE(now, before.wall - 1ms);
  EXPECT_LE(now, after.wall + 1ms);
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
