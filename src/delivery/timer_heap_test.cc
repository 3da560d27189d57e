#include "delivery/timer_heap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afterword::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Timer at(std::int64_t ms, std::uint8_t id = 0) { return {from_ms(ms), domain::DelayId(domain::DelayId::Bytes{id})}; }

TEST(TimerHeap, TakesWhatIsDueInItsOrder) {
  TimerHeap timers;
  timers.add({at(30), at(10)});
  timers.add(at(15));
  timers.add({at(40), at(20)});
  EXPECT_THAT(timers.take_due(from_ms(20), 10), ElementsAre(at(10), at(15), at(20)));
  EXPECT_THAT(timers.take_due(from_ms(29), 10), IsEmpty());
  EXPECT_THAT(timers.take_due(from_ms(30), 10), ElementsAre(at(30)));
}

TEST(TimerHeap, KeepsEventsOfOneTimeInTheOrderOfTheirIds) {
  TimerHeap timers;
  for (const std::uint8_t id : {3, 1, 2}) timers.add(at(10, id));
  EXPECT_THAT(timers.take_due(from_ms(10), 2), ElementsAre(at(10, 1), at(10, 2)));
  EXPECT_THAT(timers.take_due(from_ms(10), 2), ElementsAre(at(10, 3)));
}

TEST(TimerHeap, ShowsTheFirstAndKeepsThem) {
  TimerHeap timers;
  EXPECT_THAT(timers.first(3), IsEmpty());
  for (std::int64_t i = 0; i < 100; ++i) timers.add(at((i * 37) % 100));
  EXPECT_THAT(timers.first(4), ElementsAre(at(0), at(1), at(2), at(3)));
  EXPECT_EQ(timers.first(200).size(), 100u);
  EXPECT_EQ(timers.first(200).back(), at(99));
  EXPECT_EQ(timers.size(), 100u);
}

TEST(TimerHeap, KnowsTheEarliest) {
  TimerHeap timers;
  EXPECT_EQ(timers.earliest(), std::nullopt);
  timers.add(at(20));
  timers.add(at(10));
  EXPECT_EQ(timers.earliest(), from_ms(10));
}

}  // namespace
}  // namespace afterword::delivery
