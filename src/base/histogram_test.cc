#include "base/histogram.h"

#include <gtest/gtest.h>

namespace afterword {
namespace {

TEST(Histogram, CountsAValueInTheFirstBucketThatHoldsIt) {
  static constexpr std::array<double, 2> bounds{1, 10};
  Histogram histogram{bounds};
  for (const double value : {0.0, 1.0, 1.5, 10.0, 11.0, 1e9}) histogram.add(value);
  EXPECT_EQ(histogram.count(0), 2u);
  EXPECT_EQ(histogram.count(1), 2u);
  EXPECT_EQ(histogram.count(2), 2u);
  EXPECT_EQ(histogram.sum(), 0 + 1 + 1.5 + 10 + 11 + 1e9);
}

}  // namespace
}  // namespace afterword
