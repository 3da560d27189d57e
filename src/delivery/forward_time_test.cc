#include "delivery/forward_time.h"

#include "async/testing/manual_clock.h"

#include <gtest/gtest.h>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;

class ForwardTimeTest : public ::testing::Test {
 protected:
  async::testing::ManualClock clock_;
  ForwardTime time_{clock_};
};

TEST_F(ForwardTimeTest, IsWallTimeWhileNobodySetsTheClock) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(time_.now(), clock_.now());
    EXPECT_EQ(time_.at(clock_.now() + 1h), clock_.now() + 1h);
    clock_.advance(1234ms);
  }
}

TEST_F(ForwardTimeTest, GoesOnWhenTheClockIsSetBack) {
  const Timestamp before = time_.now();
  clock_.step_wall(-1h);
  EXPECT_EQ(time_.now(), before);
  clock_.advance(1s);
  EXPECT_EQ(time_.now(), before + 1s);
  EXPECT_EQ(time_.at(clock_.now() + 5s), before + 6s);
}

TEST_F(ForwardTimeTest, FollowsWhenTheClockIsSetForward) {
  const Timestamp before = time_.now();
  clock_.step_wall(1h);
  EXPECT_EQ(time_.now(), before + 1h);
}

TEST_F(ForwardTimeTest, LosesNothingToRounding) {
  const Timestamp before = time_.now();
  clock_.step_wall(-1h);
  for (int i = 0; i < 1000; ++i) {
    clock_.advance(1ms);
    time_.now();
  }
  EXPECT_EQ(time_.now(), before + 1s);
}

}  // namespace
}  // namespace afterword::delivery
