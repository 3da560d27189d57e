#include "base/outage_log.h"

#include <gtest/gtest.h>

namespace afterword {
namespace {

using namespace std::chrono_literals;

const OutageLog::Instant start{1h};

TEST(OutageLog, SaysTheFirstFailureAndThatItWorksAgain) {
  OutageLog outage;
  EXPECT_FALSE(outage.worked());
  ASSERT_TRUE(outage.failed(start));
  for (int count = 0; count < 999; ++count) EXPECT_FALSE(outage.failed(start + 59s));
  EXPECT_EQ(outage.worked()->failures, 1'000u);
  EXPECT_FALSE(outage.worked());
}

TEST(OutageLog, CountsOnceAMinute) {
  OutageLog outage;
  EXPECT_EQ(outage.failed(start)->unsaid, 0u);
  EXPECT_FALSE(outage.failed(start + 20s));
  EXPECT_FALSE(outage.failed(start + 40s));
  EXPECT_EQ(outage.failed(start + 60s)->unsaid, 2u);
  EXPECT_EQ(outage.failed(start + 120s)->unsaid, 0u);
  EXPECT_EQ(outage.worked()->failures, 5u);
}

TEST(OutageLog, SaysLittleOfWhatFailsNowAndThen) {
  OutageLog outage;
  int lines = 0;
  for (int second = 0; second < 60; ++second) {
    lines += outage.failed(start + std::chrono::seconds(second)) ? 1 : 0;
    lines += outage.worked() ? 1 : 0;
  }
  EXPECT_EQ(lines, 2);
  EXPECT_EQ(outage.failed(start + 60s)->unsaid, 59u);
}

}  // namespace
}  // namespace afterword
