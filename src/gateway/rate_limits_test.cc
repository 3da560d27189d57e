#include "gateway/rate_limits.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace afterword::gateway {
namespace {

using std::chrono::seconds;

constexpr RateLimits::Steady start{std::chrono::hours(1)};

TEST(RateLimits, NeverHitElementCall) {
  RateLimits limits{RateLimitOptions()};
  // One user with five devices in calls, each restarting every 4 seconds for an hour, all at the same moment.
  for (int second = 0; second < 3600; second += 4) {
    for (int device = 0; device < 5; ++device) {
      EXPECT_FALSE(limits.manage(domain::UserId("@alice:example.org"), start + seconds(second)));
    }
  }
}

TEST(RateLimits, NeverThrottleACallServiceThatHeartbeatsForThousands) {
  RateLimits limits{RateLimitOptions()};
  for (int second = 0; second < 60; second += 4) {
    for (int participant = 0; participant < 5000; ++participant) {
      const std::string delay_id = std::to_string(participant);
      EXPECT_FALSE(limits.manage_without_token(delay_id, start + seconds(second)));
      limits.met_known(delay_id, start + seconds(second));
    }
  }
}

TEST(RateLimits, ThrottleGuessing) {
  RateLimits limits{RateLimitOptions()};
  int answered = 0;
  for (int guess = 0; guess < 1000; ++guess) {
    if (!limits.met_unknown("198.51.100.1", start)) ++answered;
  }
  EXPECT_EQ(answered, 20);
  EXPECT_FALSE(limits.met_unknown("198.51.100.2", start));
}

TEST(RateLimits, ThrottleOneUserAndNotAnother) {
  RateLimits limits{RateLimitOptions()};
  const domain::UserId alice("@alice:example.org");
  RateLimits::Wait wait;
  for (int i = 0; i < 1000 && !wait; ++i) wait = limits.schedule(alice, start);
  EXPECT_TRUE(wait);
  EXPECT_FALSE(limits.schedule(domain::UserId("@bob:example.org"), start));
  EXPECT_FALSE(limits.manage(alice, start));
  wait.reset();
  for (int i = 0; i < 1000 && !wait; ++i) wait = limits.look_up(alice, start);
  EXPECT_TRUE(wait);
  EXPECT_FALSE(limits.manage(alice, start));
}

TEST(RateLimits, CanBeSwitchedOff) {
  RateLimitOptions off;
  off.enabled = false;
  RateLimits limits(off);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(limits.schedule(domain::UserId("@alice:example.org"), start));
    EXPECT_FALSE(limits.met_unknown("198.51.100.1", start));
  }
}

}  // namespace
}  // namespace afterword::gateway
