#include "delivery/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;

struct Range {
  std::chrono::milliseconds shortest = std::chrono::hours(1);
  std::chrono::milliseconds longest{0};
};

Range range_after(unsigned failures) {
  Backoff backoff(500ms, 30s);
  Range range;
  for (int i = 0; i < 10'000; ++i) {
    const auto delay = backoff.after(failures);
    range.shortest = std::min(range.shortest, delay);
    range.longest = std::max(range.longest, delay);
  }
  return range;
}

TEST(Backoff, DoublesUpToTheLast) {
  const std::chrono::milliseconds longest[] = {500ms, 1s, 2s, 4s, 8s, 16s, 30s, 30s};
  for (unsigned failures = 1; failures <= std::size(longest); ++failures) {
    const auto expected = longest[failures - 1];
    const Range range = range_after(failures);
    EXPECT_LE(range.longest, expected);
    EXPECT_GT(range.longest, expected * 9 / 10);
    EXPECT_GE(range.shortest, expected / 2);
    EXPECT_LT(range.shortest, expected * 6 / 10);
  }
}

TEST(Backoff, IsBoundedAfterAnyNumberOfFailures) { EXPECT_LE(range_after(4'000'000'000u).longest, 30s); }

}  // namespace
}  // namespace afterword::delivery
