#include "async/task_group.h"

#include "async/testing/manual_clock.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace afterword::async {
namespace {

using namespace std::chrono_literals;

Task<void> sleep_then_count(Clock& clock, std::chrono::milliseconds time, int& count) {
  co_await clock.sleep_for(time);
  ++count;
}

Task<void> sleep_twice_then_count(Clock& clock, int& count) {
  co_await clock.sleep_for(1h);
  co_await clock.sleep_for(1h);
  ++count;
}

Task<void> fail(Clock& clock) {
  co_await clock.sleep_for(1ms);
  throw std::runtime_error("a bug");
}

class TaskGroupTest : public ::testing::Test {
 protected:
  testing::ManualClock clock_;
  TaskGroup tasks_{clock_.context().get_executor()};
  int count_ = 0;
};

TEST_F(TaskGroupTest, JoinWaitsForTheLastTask) {
  tasks_.spawn("short", sleep_then_count(clock_, 1s, count_));
  tasks_.spawn("long", sleep_then_count(clock_, 1min, count_));
  EXPECT_EQ(tasks_.size(), 2u);
  clock_.run(tasks_.join());
  EXPECT_EQ(count_, 2);
  EXPECT_EQ(tasks_.size(), 0u);
}

TEST_F(TaskGroupTest, JoiningAnEmptyGroupDoesNotWait) { clock_.run(tasks_.join(), 0ms); }

TEST_F(TaskGroupTest, StopEndsWhatTasksWaitFor) {
  tasks_.spawn("sleeper", sleep_twice_then_count(clock_, count_));
  clock_.settle();
  tasks_.stop();
  clock_.run(tasks_.join(), 0ms);
  EXPECT_EQ(count_, 0);
}

TEST_F(TaskGroupTest, ATaskSpawnedAfterStopEndsToo) {
  tasks_.stop();
  tasks_.spawn("sleeper", sleep_twice_then_count(clock_, count_));
  clock_.run(tasks_.join(), 0ms);
  EXPECT_EQ(count_, 0);
}

TEST_F(TaskGroupTest, AFailureEndsOnlyItsTask) {
  tasks_.spawn("failing", fail(clock_));
  tasks_.spawn("sound", sleep_then_count(clock_, 1s, count_));
  clock_.run(tasks_.join());
  EXPECT_EQ(count_, 1);
}

void fail_in_a_group_that_cannot_do_without() {
  testing::ManualClock clock;
  TaskGroup tasks(clock.context().get_executor(), OnFailure::end_process);
  tasks.spawn("keeping time", fail(clock));
  clock.run(tasks.join());
}

TEST(TaskGroupDeathTest, AFailureEndsTheProcessThatCannotDoWithout) {
  EXPECT_EXIT(fail_in_a_group_that_cannot_do_without(), ::testing::ExitedWithCode(EXIT_FAILURE), "");
}

// As kill -9 ends a process in the simulator. Asserts are on in builds with sanitizers.
class Killable : public asio::io_context {
 public:
  void kill() { shutdown(); }
};

Task<void> wait_for_ever(asio::io_context& context, std::shared_ptr<int> held) {
  asio::steady_timer timer(context, asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
  ++*held;
}

TEST(KilledTaskGroup, HasNoTasksAnyMore) {
  Killable context;
  const auto held = std::make_shared<int>(0);
  {
    TaskGroup tasks(context.get_executor());
    tasks.spawn("waits", wait_for_ever(context, held));
    tasks.spawn("never began", wait_for_ever(context, held));
    context.poll_one();
    EXPECT_EQ(tasks.size(), 2u);
    context.kill();
    EXPECT_EQ(tasks.size(), 0u);
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(*held, 0);
}

#ifndef NDEBUG
TEST(TaskGroupDeathTest, MustNotGoBeforeItsTasks) {
  asio::io_context context;
  EXPECT_DEATH(
      {
        TaskGroup tasks(context.get_executor());
        tasks.spawn("waits", wait_for_ever(context, std::make_shared<int>(0)));
      },
      "join\\(\\) first");
}
#endif

}  // namespace
}  // namespace afterword::async
