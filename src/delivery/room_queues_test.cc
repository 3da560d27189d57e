#include "delivery/room_queues.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace afterword::delivery {
namespace {

const Lane room_a{domain::RoomId("!a:example.org")};
const Lane room_b{domain::RoomId("!b:example.org")};
const Lane room_c{domain::RoomId("!c:example.org")};
const domain::UserId alice("@alice:example.org");
const domain::UserId bob("@bob:example.org");

QueuedEvent event(std::int64_t due, std::uint8_t id, const domain::UserId& owner = alice) {
  return {from_ms(due), domain::DelayId(domain::DelayId::Bytes{id}), owner};
}
QueuedEvent under_way(std::int64_t due, std::uint8_t id) {
  QueuedEvent queued = event(due, id);
  queued.under_way = true;
  return queued;
}

class RoomQueuesTest : public ::testing::Test {
 protected:
  // The id of the event whose turn it is; 0 if there is none.
  int take(Timestamp until = Timestamp::max()) { return take(TurnKind::fresh, until); }
  int take_retry() { return take(TurnKind::retry, Timestamp::max()); }
  int take(TurnKind kind, Timestamp until) {
    turn_ = queues_.take_turn(kind, until);
    return turn_ ? turn_->event.delay_id.bytes()[0] : 0;
  }
  int take_and_end() {
    const int id = take();
    return end(id);
  }
  int take_retry_and_end() {
    const int id = take_retry();
    return end(id);
  }
  int end(int id) {
    if (turn_) queues_.end(*turn_);
    return id;
  }

  // The event whose turn it is stays in its room, under way or not.
  void requeue(bool under_way) {
    QueuedEvent event = turn_->event;
    event.under_way = under_way;
    queues_.end(*turn_);
    queues_.push(turn_->lane, event);
  }

  RoomQueues queues_{{8, 3}, {2, 1}};
  std::optional<Turn> turn_;
};

TEST_F(RoomQueuesTest, IsEmptyAtFirst) { EXPECT_EQ(take(), 0); }

TEST_F(RoomQueuesTest, ARoomsEventsComeInOrder) {
  for (const auto& queued : {event(20, 1), event(10, 3), event(10, 2)}) queues_.push(room_a, queued);
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

TEST_F(RoomQueuesTest, ATurnKnowsThatSomethingEarlierHasCome) {
  queues_.push(room_a, event(20, 1));
  ASSERT_EQ(take(), 1);
  queues_.push(room_a, event(30, 2));
  EXPECT_TRUE(queues_.is_first(room_a, turn_->event));
  queues_.push(room_a, event(10, 3));
  EXPECT_FALSE(queues_.is_first(room_a, turn_->event));
}

TEST_F(RoomQueuesTest, AnAttemptUnderWayIsFirstInItsRoom) {
  queues_.push(room_a, event(10, 1));
  queues_.push(room_a, under_way(20, 2));
  EXPECT_EQ(take(), 0);
  EXPECT_EQ(take_retry_and_end(), 2);
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
  requeue(true);
  queues_.push(room_a, event(5, 2));
  EXPECT_EQ(take_retry(), 1);
  EXPECT_TRUE(turn_->event.under_way);
  queues_.end(*turn_);
  EXPECT_EQ(take_and_end(), 2);
  EXPECT_EQ(take_and_end(), 0);
}

TEST_F(RoomQueuesTest, WhatIsPutBackTakesNothingElseOut) {
  queues_.push(room_a, event(10, 1));
  EXPECT_EQ(take(), 1);
  queues_.push(room_a, under_way(10, 1));  // asked for while it had its turn by time
  queues_.put_back(*turn_);
  EXPECT_EQ(take_retry(), 1);
  EXPECT_TRUE(turn_->event.under_way);
}

TEST_F(RoomQueuesTest, WhatIsPutBackToBeginAnewHasItsPlaceByTime) {
  queues_.push(room_a, under_way(20, 1));
  EXPECT_EQ(take_retry(), 1);
  queues_.push(room_a, event(10, 2));
  requeue(false);
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
  for (unsigned expected = 0; expected < 3; ++expected) {
    EXPECT_EQ(take(), 1);
    EXPECT_EQ(turn_->pauses, expected);
    queues_.put_back(*turn_);
    EXPECT_TRUE(queues_.pause(room_a));
    EXPECT_FALSE(queues_.pause(room_a));
    queues_.resume(room_a);
  }
  EXPECT_EQ(take_and_end(), 1);
  EXPECT_EQ(take(), 2);
  EXPECT_EQ(turn_->pauses, 0u);
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

Lane room(int number) { return {domain::RoomId("!" + std::to_string(number) + ":example.org")}; }

TEST_F(RoomQueuesTest, AnOwnerLeavesPlacesForOthers) {
  std::vector<Turn> turns;
  for (std::uint8_t i = 1; i <= 9; ++i) queues_.push(room(i), event(i, i));
  queues_.push(room_b, event(50, 10, bob));
  EXPECT_EQ(take(), 1);
  turns.push_back(*turn_);
  EXPECT_EQ(take(), 2);
  // Of eight places four are for owners who have none, and two are left of the others.
  EXPECT_EQ(take(), 10);
  EXPECT_EQ(take(), 0);
  queues_.end(turns[0]);
  EXPECT_EQ(take(), 3);
}

TEST_F(RoomQueuesTest, RetriesHaveTheirOwnPlaces) {
  queues_.push(room_a, under_way(1, 1));
  queues_.push(room_b, under_way(2, 2));
  QueuedEvent bobs = under_way(3, 3);
  bobs.owner = bob;
  queues_.push(room_c, bobs);
  queues_.push(room(1), event(4, 4));
  EXPECT_EQ(take_retry(), 1);
  EXPECT_EQ(take_retry(), 3);  // one an owner
  EXPECT_EQ(take_retry(), 0);
  EXPECT_EQ(take(), 4);
}

TEST_F(RoomQueuesTest, WhatIsSetAsideIsARetryBesideItsRoom) {
  const QueuedEvent stuck = event(10, 1);
  const Lane beside{room_a.room_id, stuck.delay_id};
  queues_.push(beside, stuck);
  queues_.push(room_a, event(20, 2));
  EXPECT_EQ(take(), 2);
  EXPECT_EQ(take_retry(), 1);
  queues_.put_back(*turn_);
  EXPECT_TRUE(queues_.pause(beside));
  EXPECT_EQ(take_retry(), 0);
  queues_.resume(beside);
  EXPECT_EQ(take_retry_and_end(), 1);
}

TEST_F(RoomQueuesTest, AnEventThatWaitsBesideItsRoomHasATurnThere) {
  for (const auto& queued : {event(10, 1), event(20, 2)}) queues_.push(room_a, queued);
  EXPECT_EQ(take(), 1);
  const auto beside = queues_.wait_beside_room(*turn_).value();
  EXPECT_EQ(beside.event.delay_id.bytes()[0], 1);
  EXPECT_EQ(take(), 0);
  EXPECT_EQ(take_retry(), 0);  // it has its turn
  queues_.go_on_without(beside);
  EXPECT_EQ(take(), 2);
  const Turn second = *turn_;
  queues_.end(beside);
  EXPECT_EQ(queues_.size(), 1u);
  queues_.end(second);
  EXPECT_EQ(queues_.size(), 0u);
}

TEST_F(RoomQueuesTest, ARoomGoesOnWhenWhatWaitsBesideItHasEnded) {
  for (const auto& queued : {event(10, 1), event(20, 2, bob), event(30, 3)}) queues_.push(room_a, queued);
  EXPECT_EQ(take(), 1);
  const auto first = queues_.wait_beside_room(*turn_).value();
  queues_.end(first);
  EXPECT_EQ(take(), 2);
  const auto second = queues_.wait_beside_room(*turn_).value();
  queues_.go_on_without(first);  // too late to say anything of this one
  EXPECT_EQ(take(), 0);
  queues_.put_back(second);
  EXPECT_EQ(take(), 3);
  EXPECT_EQ(take_retry(), 2);  // stays as it is, beside its room
}

TEST_F(RoomQueuesTest, WhateverWaitsBesideItsRoomNeedsAPlaceOfARetry) {
  for (const auto& queued : {event(10, 1), event(20, 2)}) queues_.push(room_a, queued);
  EXPECT_EQ(take(), 1);
  const auto first = queues_.wait_beside_room(*turn_).value();
  queues_.go_on_without(first);
  EXPECT_EQ(take(), 2);
  const Turn second = *turn_;
  EXPECT_FALSE(queues_.wait_beside_room(second));  // one an owner
  queues_.end(first);
  const auto beside = queues_.wait_beside_room(second).value();
  queues_.push(room_b, under_way(30, 3));
  EXPECT_EQ(take_retry(), 0);
  queues_.end(beside);
  EXPECT_EQ(take_retry(), 3);
  // A retry has one already.
  EXPECT_TRUE(queues_.wait_beside_room(*turn_));
}

TEST_F(RoomQueuesTest, NothingWaitsBesideItsRoomWhereItHasATurn) {
  queues_.push({room_a.room_id, event(10, 1).delay_id}, event(10, 1));
  queues_.push(room_a, event(20, 1, bob));
  EXPECT_EQ(take(), 1);
  const Turn in_room = *turn_;
  EXPECT_EQ(take_retry(), 1);
  EXPECT_FALSE(queues_.wait_beside_room(in_room));
  queues_.end(*turn_);
  EXPECT_TRUE(queues_.wait_beside_room(in_room));
}

TEST_F(RoomQueuesTest, WhatWasNotTriedYetCanBeTakenOut) {
  queues_.push(room_a, event(10, 1));
  queues_.push(room_a, event(20, 2));
  queues_.push(room_b, event(30, 3));
  queues_.push(room_c, under_way(40, 4));
  EXPECT_EQ(take(), 1);
  const Turn first = *turn_;
  std::set<int> taken;
  for (const auto& queued : queues_.take_fresh()) taken.insert(queued.delay_id.bytes()[0]);
  EXPECT_EQ(taken, (std::set<int>{2, 3}));
  queues_.end(first);
  EXPECT_EQ(take(), 0);
  EXPECT_EQ(take_retry(), 4);
}

// It may be set aside, and be sent on request in its room.
TEST_F(RoomQueuesTest, AnEventMayBeInItsRoomAndBesideItAtOnce) {
  const QueuedEvent stuck = event(10, 1);
  const Lane beside{room_a.room_id, stuck.delay_id};
  queues_.push(beside, stuck);
  queues_.push(room_a, under_way(10, 1));
  EXPECT_EQ(take_retry_and_end(), 1);
  EXPECT_EQ(take_retry_and_end(), 1);
  EXPECT_EQ(take_retry(), 0);

  queues_.push(beside, stuck);
  queues_.push(room_a, under_way(10, 1));
  queues_.pause(room_a);
  queues_.pause(beside);
  queues_.resume(room_a);
  EXPECT_EQ(take_retry_and_end(), 1);
  EXPECT_EQ(take_retry(), 0);
}

}  // namespace
}  // namespace afterword::delivery
