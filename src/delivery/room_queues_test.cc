#include "delivery/room_queues.h"

#include <gtest/gtest.h>

namespace afterword::delivery {
namespace {

const domain::RoomId room_a("!a:example.org");
const domain::RoomId room_b("!b:example.org");

QueuedEvent event(std::int64_t due, std::uint8_t id) {
  return {from_ms(due), domain::DelayId(domain::DelayId::Bytes{id})};
}
QueuedEvent under_way(std::int64_t due, std::uint8_t id) {
  QueuedEvent queued = event(due, id);
  queued.under_way = true;
  return queued;
}

class RoomQueuesTest : public ::testing::Test {
 protected:
  // The id of the event whose turn it is; 0 if there is none.
  int take(Timestamp until = Timestamp::max()) {
    turn_ = queues_.take(until);
    return turn_ ? turn_->event.delay_id.bytes()[0] : 0;
  }
  int take_and_end() {
    const int id = take();
    if (turn_) queues_.end(*turn_);
    return id;
  }

  RoomQueues queues_;
  std::optional<Turn> turn_;
};

TEST_F(RoomQueuesTest, IsEmptyAtFirst) { EXPECT_EQ(take(), 0); }

TEST_F(RoomQueuesTest, ARoomsEventsComeInOrder) {
  for (const auto queued : {event(20, 1), event(10, 3), event(10, 2)}) queues_.push(room_a, queued);
  EXPECT_EQ(take_and_end(), 2);
  EXPECT_EQ(take_and_end(), 3);
  EXPECT_EQ(take_and_end(), 1);
  EXPECT_EQ(take_and_end(), 0);
}

TEST_F(RoomQueuesTest, ARoomHasOneTurnAtATime) {
  queues_.push(room_a, event(10, 1));
  queues_.push(room_a, event(20, 2));
  EXPECT_EQ(take(), 1);
  const Turn first = *turn_;
  EXPECT_EQ(take(), 0);
  queues_.end(first);
  EXPECT_EQ(take(), 2);
}

TEST_F(RoomQueuesTest, RoomsComeInTheOrderOfTheirFirstEvents) {
  queues_.push(room_a, event(20, 1));
  queues_.push(room_b, event(10, 2));
  queues_.push(room_a, event(30, 3));
  EXPECT_EQ(take(), 2);
  EXPECT_EQ(take(), 1);
  EXPECT_EQ(take(), 0);
}

TEST_F(RoomQueuesTest, NothingIsTakenThatIsDueLaterThanAskedFor) {
  queues_.push(room_a, event(20, 1));
  queues_.push(room_b, event(10, 2));
  EXPECT_EQ(take(from_ms(9)), 0);
  EXPECT_EQ(take(from_ms(19)), 2);
  EXPECT_EQ(take(from_ms(19)), 0);
  EXPECT_EQ(take(from_ms(20)), 1);
}

TEST_F(RoomQueuesTest, AnEarlierEventGoesAhead) {
  queues_.push(room_a, event(20, 1));
  queues_.push(room_b, event(15, 2));
  queues_.push(room_a, event(10, 3));
  EXPECT_EQ(take_and_end(), 3);
  EXPECT_EQ(take_and_end(), 2);
  EXPECT_EQ(take_and_end(), 1);
}

TEST_F(RoomQueuesTest, AnAttemptUnderWayIsFirstInItsRoom) {
  queues_.push(room_a, event(10, 1));
  queues_.push(room_a, under_way(20, 2));
  EXPECT_EQ(take_and_end(), 2);
  EXPECT_EQ(take_and_end(), 1);
}

TEST_F(RoomQueuesTest, TheSameEventIsQueuedOnce) {
  queues_.push(room_a, event(10, 1));
  EXPECT_EQ(take(), 1);
  queues_.push(room_a, event(10, 1));
  queues_.end(*turn_);
  EXPECT_EQ(take(), 0);
}

TEST_F(RoomQueuesTest, WhatIsPutBackComesAgain) {
  queues_.push(room_a, event(10, 1));
  queues_.push(room_a, event(20, 2));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(take(), 1);
    queues_.put_back(*turn_);
  }
  EXPECT_EQ(take_and_end(), 1);
  EXPECT_EQ(take_and_end(), 2);
}

TEST_F(RoomQueuesTest, WhatIsPutBackUnderWayStaysFirst) {
  queues_.push(room_a, event(10, 1));
  EXPECT_EQ(take(), 1);
  turn_->event.under_way = true;
  queues_.put_back(*turn_);
  queues_.push(room_a, event(5, 2));
  EXPECT_EQ(take(), 1);
  EXPECT_TRUE(turn_->event.under_way);
  queues_.end(*turn_);
  EXPECT_EQ(take_and_end(), 2);
  EXPECT_EQ(take_and_end(), 0);
}

TEST_F(RoomQueuesTest, WhatIsPutBackToBeginAnewHasItsPlaceByTime) {
  queues_.push(room_a, under_way(20, 1));
  EXPECT_EQ(take(), 1);
  queues_.push(room_a, event(10, 2));
  turn_->event.under_way = false;
  queues_.put_back(*turn_);
  EXPECT_EQ(take_and_end(), 2);
  EXPECT_EQ(take(), 1);
  EXPECT_FALSE(turn_->event.under_way);
  queues_.end(*turn_);
  EXPECT_EQ(take(), 0);
}

TEST_F(RoomQueuesTest, APauseHoldsUpOnlyItsRoom) {
  queues_.push(room_a, event(10, 1));
  queues_.push(room_b, event(20, 2));
  queues_.pause(room_a);
  EXPECT_EQ(take(), 2);
  EXPECT_EQ(take(), 0);
  queues_.resume(room_a);
  EXPECT_EQ(take(), 1);
}

TEST_F(RoomQueuesTest, APauseDuringATurnHoldsAfterIt) {
  queues_.push(room_a, event(10, 1));
  queues_.push(room_a, event(20, 2));
  EXPECT_EQ(take(), 1);
  queues_.pause(room_a);
  queues_.end(*turn_);
  EXPECT_EQ(take(), 0);
  queues_.resume(room_a);
  EXPECT_EQ(take(), 2);
}

TEST_F(RoomQueuesTest, CountsPausesUntilAnEventIsDoneWith) {
  queues_.push(room_a, event(10, 1));
  queues_.push(room_a, event(20, 2));
  for (unsigned expected = 1; expected <= 3; ++expected) {
    EXPECT_EQ(take(), 1);
    queues_.put_back(*turn_);
    EXPECT_EQ(queues_.pause(room_a), expected);
    EXPECT_EQ(queues_.pause(room_a), std::nullopt);
    queues_.resume(room_a);
  }
  EXPECT_EQ(take_and_end(), 1);
  EXPECT_EQ(take(), 2);
  queues_.put_back(*turn_);
  EXPECT_EQ(queues_.pause(room_a), 1u);
}

TEST_F(RoomQueuesTest, ResumingARoomThatIsDoneDoesNothing) {
  queues_.push(room_a, event(10, 1));
  EXPECT_EQ(take(), 1);
  queues_.pause(room_a);
  queues_.end(*turn_);
  queues_.resume(room_a);
  EXPECT_EQ(take(), 0);
  queues_.push(room_a, event(10, 2));
  EXPECT_EQ(take(), 2);
}

}  // namespace
}  // namespace afterword::delivery
