#include "http/byte_budget.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace afterword::http {
namespace {

constexpr std::size_t megabyte = 1024 * 1024;

TEST(ByteBudget, LargeBodiesLeaveRoomForSmallOnesAndTheseForTheReserve) {
  ByteBudget budget(80 * megabyte);
  ByteBudget::Share large(budget);
  EXPECT_TRUE(large.grow_to(50 * megabyte));
  EXPECT_FALSE(large.grow_to(50 * megabyte + 1));
  ByteBudget::Share large_too(budget);
  EXPECT_TRUE(large_too.has_room_for(megabyte)) << "still small";
  EXPECT_FALSE(large_too.grow_to(megabyte + 1));

  std::vector<ByteBudget::Share> small;
  for (int i = 0; i < 20; ++i) {
    small.emplace_back(budget);
    EXPECT_TRUE(small.back().grow_to(megabyte)) << i;
  }
  EXPECT_FALSE(ByteBudget::Share(budget).grow_to(ByteBudget::tiny_bytes + 1));
  EXPECT_TRUE(ByteBudget::Share(budget).grow_to(ByteBudget::tiny_bytes));

  ByteBudget::Share own(budget, {}, true);
  EXPECT_TRUE(own.grow_to(10 * megabyte));
  EXPECT_FALSE(own.grow_to(10 * megabyte + 1));
}

TEST(ByteBudget, AnOwnerHasAThirdOfEachKind) {
  ByteBudget budget(96 * megabyte);
  ByteBudget::Share large(budget, "one");
  EXPECT_TRUE(large.grow_to(20 * megabyte));
  EXPECT_FALSE(large.grow_to(20 * megabyte + 1));
  EXPECT_FALSE(ByteBudget::Share(budget, "one").grow_to(megabyte + 1));
  std::vector<ByteBudget::Share> small;
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(small.emplace_back(budget, "one").grow_to(megabyte)) << i;
  EXPECT_FALSE(ByteBudget::Share(budget, "one").grow_to(ByteBudget::tiny_bytes + 1));
  EXPECT_TRUE(ByteBudget::Share(budget, "one").grow_to(ByteBudget::tiny_bytes));
  EXPECT_TRUE(ByteBudget::Share(budget, "one", true).grow_to(4 * megabyte)) << "the reserve";
  EXPECT_TRUE(ByteBudget::Share(budget, "two").grow_to(20 * megabyte));
  EXPECT_TRUE(ByteBudget::Share(budget).grow_to(32 * megabyte)) << "nobody in particular";
  large.reset();
  EXPECT_TRUE(ByteBudget::Share(budget, "one").grow_to(12 * megabyte)) << "what was given back";
}

TEST(ByteBudget, WhatIsGivenBackMayBeTakenAgain) {
  ByteBudget budget(8 * megabyte);
  {
    ByteBudget::Share first(budget);
    EXPECT_TRUE(first.grow_to(5 * megabyte));
    ByteBudget::Share moved = std::move(first);
    first.reset();
    EXPECT_EQ(budget.taken_bytes(), 5 * megabyte) << "it was moved";
    moved = ByteBudget::Share(budget);
    EXPECT_EQ(budget.taken_bytes(), 0u);
    EXPECT_TRUE(moved.grow_to(5 * megabyte));
  }
  EXPECT_EQ(budget.taken_bytes(), 0u);
}

// An answer that is in memory already is counted, whether there was room for it or not.
TEST(ByteBudget, WhatIsHeldAnywayLeavesLessForOthers) {
  ByteBudget budget(8 * megabyte);
  ByteBudget::Share answer(budget);
  answer.hold(20 * megabyte);
  EXPECT_FALSE(ByteBudget::Share(budget, {}, true).grow_to(10'000));
  EXPECT_TRUE(answer.grow_to(10 * megabyte)) << "less than it holds";
  answer.hold(10);
  EXPECT_TRUE(ByteBudget::Share(budget).grow_to(megabyte));
}

TEST(ByteBudget, CountsHowOftenThereWasNoRoom) {
  ByteBudget budget(1024 * 1024);
  ByteBudget::Share share(budget);
  EXPECT_TRUE(share.grow_to(100 * 1024));
  EXPECT_EQ(budget.refusals(), 0u);
  EXPECT_FALSE(share.grow_to(2 * 1024 * 1024));
  EXPECT_EQ(budget.refusals(), 1u);
}

}  // namespace
}  // namespace afterword::http
