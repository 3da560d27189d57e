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

TEST(TimerHeap, KnowsTheEarliest) {
  TimerHeap timers;
  EXPECT_EQ(timers.earliest(), std::nullopt);
  timers.add(at(20));
  timers.add(at(10));
  EXPECT_EQ(timers.earliest(), from_ms(10));
}

}  // namespace
}  // namespace afterword::delivery
