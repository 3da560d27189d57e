#include "delivery/owner_share.h"

#include <gtest/gtest.h>

#include <vector>

namespace afterword::delivery {
namespace {

constexpr OwnerShare share{32, 8};

TEST(MayTake, Table) {
  const struct {
    std::size_t held_by_owner;
    std::size_t held_by_all;
    bool expected;
  } cases[] = {
      {0, 0, true},   {7, 7, true},   {8, 8, false},  // the share is used up
      {7, 8, true},   {7, 9, false},                  // of half of all, as many are left for others, or fewer
      {1, 14, true},  {1, 15, false}, {0, 15, true},
      {0, 16, true},  {1, 16, false},  // the other half is for those who have none
      {1, 31, false}, {0, 31, true},  {0, 32, false},
  };
  for (const auto& [held_by_owner, held_by_all, expected] : cases) {
    EXPECT_EQ(may_take(held_by_owner, held_by_all, share), expected) << held_by_owner << " of " << held_by_all;
  }
}

TEST(MayTake, ItTakesManyGreedyOwnersToLeaveNoPlace) {
  const struct {
    OwnerShare share;
    std::size_t owners;
  } cases[] = {{share, 21}, {{16, 4}, 12}, {{1, 1}, 1}};
  for (const auto& [places, expected] : cases) {
    std::size_t all = 0;
    std::size_t owners = 0;
    for (; may_take(0, all, places); ++owners) {
      for (std::size_t held = 0; may_take(held, all, places); ++held) ++all;
    }
    EXPECT_EQ(owners, expected) << places.all;
    EXPECT_EQ(all, places.all);
  }
}

}  // namespace
}  // namespace afterword::delivery
