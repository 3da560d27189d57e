#include "async/condition.h"

#include "async/task_group.h"
#include "async/testing/manual_clock.h"

#include <gtest/gtest.h>

namespace afterword::async {
namespace {

using namespace std::chrono_literals;

class ConditionTest : public ::testing::Test {
 protected:
  Task<void> wait_and_count(int times) {
    for (int i = 0; i < times; ++i) {
      co_await condition_.wait();
      ++woken_;
    }
  }
  Task<void> wait_until_and_count(Steady when) {
    co_await condition_.wait_until(clock_, when);
    ++woken_;
  }
  Task<void> notify_after(std::chrono::milliseconds time) {
    co_await clock_.sleep_for(time);
    condition_.notify_all();
  }
  ~ConditionTest() override {
    tasks_.stop();
    clock_.run(tasks_.join());
  }

  testing::ManualClock clock_;
  asio::io_context& context_ = clock_.context();
  Condition condition_{context_.get_executor()};
  TaskGroup tasks_{context_.get_executor()};
  int woken_ = 0;
};

TEST_F(ConditionTest, WakesAllWhoWait) {
  tasks_.spawn("first", wait_and_count(1));
  tasks_.spawn("second", wait_and_count(1));
  clock_.settle();
  EXPECT_EQ(woken_, 0);
  condition_.notify_all();
  clock_.settle();
  EXPECT_EQ(woken_, 2);
}

TEST_F(ConditionTest, EachNotificationWakesOnce) {
  tasks_.spawn("waiter", wait_and_count(3));
  for (int expected = 0; expected <= 3; ++expected) {
    clock_.settle();
    EXPECT_EQ(woken_, expected);
    condition_.notify_all();
  }
}

TEST_F(ConditionTest, WaitsNoLongerThanItsTime) {
  tasks_.spawn("waiter", wait_until_and_count(clock_.steady_now() + 1s));
  clock_.advance(999ms);
  EXPECT_EQ(woken_, 0);
  clock_.advance(1ms);
  EXPECT_EQ(woken_, 1);
}

TEST_F(ConditionTest, IsHeardBeforeTheTime) {
  tasks_.spawn("waiter", wait_until_and_count(clock_.steady_now() + 1h));
  tasks_.spawn("notifier", notify_after(10ms));
  clock_.advance(10ms);
  EXPECT_EQ(woken_, 1);
}

TEST_F(ConditionTest, ACancelledWaiterStops) {
  tasks_.spawn("waiter", wait_and_count(1));
  tasks_.spawn("waiter with a time", wait_until_and_count(clock_.steady_now() + 1h));
  clock_.settle();
  tasks_.stop();
  clock_.settle();
  EXPECT_EQ(tasks_.size(), 0u);
}

}  // namespace
}  // namespace afterword::async
