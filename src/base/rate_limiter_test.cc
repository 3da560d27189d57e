#include "base/rate_limiter.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock::time_point;

constexpr Steady start{std::chrono::hours(1)};

TEST(RateLimiter, AllowsABurstAndThenItsRate) {
  RateLimiter<std::string> limiter(Rate{2, 3});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limiter.take("alice", start)) << i;
  EXPECT_EQ(limiter.take("alice", start), Milliseconds(500));
  EXPECT_EQ(limiter.take("alice", start + milliseconds(499)), Milliseconds(1));
  EXPECT_FALSE(limiter.take("alice", start + milliseconds(500)));
  EXPECT_TRUE(limiter.take("alice", start + milliseconds(500)));
}

TEST(RateLimiter, AllowsTheLargestBurstOfTheSlowestRate) {
  for (const Rate rate : {Rate{0.001, 10'000'000}, Rate{0.001, 4'294'967'295}, Rate{1e-12, 4'294'967'295}}) {
    RateLimiter<std::string> limiter(rate);
    EXPECT_FALSE(limiter.take("alice", start));
    EXPECT_FALSE(limiter.take("alice", start)) << rate.per_second;
  }
  RateLimiter<std::string> limiter(Rate{0.001, 10'000'000});
  for (int i = 0; i < 100'000; ++i) ASSERT_FALSE(limiter.take("alice", start)) << i;
}

TEST(RateLimiter, DoesNotCountWhatItRefuses) {
  RateLimiter<std::string> limiter(Rate{1, 1});
  EXPECT_FALSE(limiter.take("alice", start));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter.take("alice", start));
  EXPECT_FALSE(limiter.take("alice", start + milliseconds(1000)));
}

TEST(RateLimiter, KeepsKeysApart) {
  RateLimiter<std::string> limiter(Rate{1, 1});
  EXPECT_FALSE(limiter.take("alice", start));
  EXPECT_FALSE(limiter.take("bob", start));
}

TEST(RateLimiter, OnlyLooksWhenAskedToWait) {
  RateLimiter<std::string> limiter(Rate{1, 1});
  EXPECT_FALSE(limiter.wait_of("alice", start));
  EXPECT_FALSE(limiter.wait_of("alice", start));
  EXPECT_FALSE(limiter.take("alice", start));
  EXPECT_EQ(limiter.wait_of("alice", start), Milliseconds(1000));
}

TEST(RateLimiter, ForgetsKeysAtRest) {
  RateLimiter<int> limiter(Rate{1, 1});
  for (int i = 0; i < 100'000; ++i) EXPECT_FALSE(limiter.take(i, start + milliseconds(10 * i)));
  EXPECT_LT(limiter.size(), 3000u);
}

}  // namespace
}  // namespace afterword
