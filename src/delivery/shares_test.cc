#include "delivery/shares.h"

#include <gtest/gtest.h>

#include <vector>

namespace afterword::delivery {
namespace {

constexpr Share share{32, 8};

TEST(MayTake, Table) {
  const struct {
    std::size_t held_by_owner;
    std::size_t held_by_all;
    bool expected;
  } cases[] = {
      {0, 0, true},   {7, 7, true},   {8, 8, false},  // the share is used up
      {7, 24, true},                                  // as many are left for others
      {7, 25, false},                                 // or fewer
      {1, 30, true},  {1, 31, false}, {0, 31, true},  // the first place of an owner is free while any is
      {0, 32, false},
  };
  for (const auto& [held_by_owner, held_by_all, expected] : cases) {
    EXPECT_EQ(may_take(held_by_owner, held_by_all, share), expected) << held_by_owner << " of " << held_by_all;
  }
}

TEST(MayTake, ManyGreedyOwnersLeaveAPlace) {
  std::size_t all = 0;
  for (int owner = 0; owner < 6; ++owner) {
    std::size_t held = 0;
    while (may_take(held, all, share)) {
      ++held;
      ++all;
    }
    EXPECT_GT(held, 0u);
  }
  EXPECT_TRUE(may_take(0, all, share));
}

}  // namespace
}  // namespace afterword::delivery
