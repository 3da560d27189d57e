#include "store/postgres/clock_comparison.h"

#include <gtest/gtest.h>

namespace afterword::store::postgres {
namespace {

using namespace std::chrono_literals;
using Instant = ClockComparison::Instant;
using Reading = ClockComparison::Reading;

// The other clock reads an hour more than ours.
constexpr Instant moment(100s);
constexpr Reading truth(1h + 100s);

struct Journey {
  std::chrono::microseconds asked_after, there, back;
};

void ask(ClockComparison& comparison, Journey journey) {
  const Instant asked = moment + journey.asked_after;
  const Reading other = truth + journey.asked_after + journey.there;
  comparison.add(asked, asked + journey.there + journey.back, other);
}

TEST(ClockComparison, OneAnswerIsAsUncertainAsItsWayThereAndBack) {
  ClockComparison comparison(moment);
  ask(comparison, {0us, 2000us, 5000us});
  EXPECT_EQ(comparison.earliest(), truth - 5000us);
  EXPECT_EQ(comparison.uncertainty(), 7000us);
}

TEST(ClockComparison, TheQuickestWayBackSaysMostAndSlowOnesTakeNothingFromIt) {
  ClockComparison comparison(moment);
  ask(comparison, {0us, 200us, 9000us});
  ask(comparison, {10'000us, 100us, 150us});
  ask(comparison, {20'000us, 8000us, 9000us});
  EXPECT_EQ(comparison.answers(), 3);
  EXPECT_EQ(comparison.earliest(), truth - 150us);
  EXPECT_EQ(comparison.uncertainty(), 250us);
}

TEST(ClockComparison, AWayThereAndAWayBackOfDifferentAnswersBoundItToo) {
  ClockComparison comparison(moment);
  ask(comparison, {0us, 50us, 4000us});
  ask(comparison, {10'000us, 4000us, 60us});
  EXPECT_EQ(comparison.uncertainty(), 110us);
}

TEST(ClockComparison, AClockThatIsSetMeanwhileLeavesNothingUncertain) {
  ClockComparison comparison(moment);
  comparison.add(moment, moment + 100us, truth + 1min);
  ask(comparison, {1000us, 100us, 100us});
  EXPECT_EQ(comparison.uncertainty(), 0us);
}

}  // namespace
}  // namespace afterword::store::postgres
