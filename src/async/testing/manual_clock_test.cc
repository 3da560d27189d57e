#include "async/testing/manual_clock.h"

#include "async/task_group.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace afterword::async::testing {
namespace {

using namespace std::chrono_literals;

Task<void> sleep_then_write(Clock& clock, std::chrono::milliseconds time, std::string& text) {
  const Timestamp start = clock.now();
  co_await clock.sleep_for(time);
  text += std::to_string((clock.now() - start).count()) + " ";
}

Task<int> add_after_sleeping(Clock& clock, int a, int b) {
  co_await clock.sleep_for(24h);
  co_return a + b;
}

Task<void> fail() {
  throw std::invalid_argument("wrong");
  co_return;
}

TEST(ManualClock, WakesSleepersInTheOrderOfTheirTimesAndAtThem) {
  ManualClock clock;
  TaskGroup tasks(clock.context().get_executor());
  std::string text;
  for (const auto time : {30ms, 10ms, 20ms}) tasks.spawn("sleeper", sleep_then_write(clock, time, text));
  clock.advance(25ms);
  EXPECT_EQ(text, "10 20 ");
  clock.advance(1h);
  EXPECT_EQ(text, "10 20 30 ");
}

TEST(ManualClock, MovesAllTimesTogether) {
  ManualClock clock;
  const auto server = clock.now();
  const auto wall = clock.machine_time().wall;
  const auto steady = clock.steady_now();
  EXPECT_EQ(server, from_wall(wall, 0ms));
  clock.advance(1500ms);
  EXPECT_EQ(clock.now() - server, 1500ms);
  EXPECT_EQ(clock.machine_time().wall - wall, 1500ms);
  EXPECT_EQ(clock.steady_now() - steady, 1500ms);
}

TEST(ManualClock, ASteppedWallClockLeavesServerTime) {
  ManualClock clock;
  const auto server = clock.now();
  for (const auto step : {3h, -5h}) {
    clock.step_wall(step);
    EXPECT_EQ(clock.now(), server);
    EXPECT_EQ(clock.to_wall(server), clock.machine_time().wall);
    EXPECT_EQ(clock.from_wall(clock.machine_time().wall), server);
  }
}

TEST(ManualClock, ASuspendedMachineLeavesSteadyTime) {
  ManualClock clock;
  const auto server = clock.now();
  const auto steady = clock.steady_now();
  clock.suspend(2h);
  EXPECT_EQ(clock.now() - server, 2h);
  EXPECT_EQ(clock.wall_offset(), 0ms);
  EXPECT_EQ(clock.steady_now(), steady);
}

TEST(ManualClock, AnotherBootIsAnotherScale) {
  ManualClock clock;
  const MachineTime before = clock.machine_time();
  clock.boot(1min);
  const MachineTime after = clock.machine_time();
  EXPECT_NE(after.boot_id, before.boot_id);
  EXPECT_EQ(after.since_boot, 0ms);
  EXPECT_EQ(after.wall - before.wall, 1min);
  clock.follow(resume({}, after));
  clock.advance(1s);
  EXPECT_EQ(clock.now(), from_wall(after.wall, 0ms) + 1s);
}

TEST(ManualClock, ASteppedWallClockWakesNobody) {
  ManualClock clock;
  TaskGroup tasks(clock.context().get_executor());
  std::string text;
  tasks.spawn("sleeper", sleep_then_write(clock, 10ms, text));
  clock.settle();
  clock.step_wall(1h);
  clock.settle();
  EXPECT_EQ(text, "");
  clock.step_wall(-1h);
  clock.run(tasks.join());
  EXPECT_EQ(text, "10 ");
}

TEST(ManualClock, RunsATaskToItsEndInNoTime) {
  ManualClock clock;
  EXPECT_EQ(clock.run(add_after_sleeping(clock, 2, 3)), 5);
}

TEST(ManualClock, GivesUpATaskBeyondItsLimit) {
  ManualClock clock;
  EXPECT_THROW(clock.run(add_after_sleeping(clock, 2, 3), 23h), std::runtime_error);
}

TEST(ManualClock, PassesOnWhatATaskThrows) {
  ManualClock clock;
  EXPECT_THROW(clock.run(fail()), std::invalid_argument);
}

}  // namespace
}  // namespace afterword::async::testing
