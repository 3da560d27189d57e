// How many sends may be under way at once, and how many of them one owner's. Pure.
//
// However slow the events of some owners are, there is a place for those of others: half of the places are for owners
// who have none yet, and of the other half one has a share, and takes no more than are left of it.
#pragma once

#include <algorithm>
#include <cstddef>

namespace afterword::delivery {

struct OwnerShare {
  std::size_t all;
  std::size_t of_an_owner;
};

constexpr bool may_take(std::size_t held_by_owner, std::size_t held_by_all, OwnerShare share) {
  if (held_by_all >= share.all) return false;
  const std::size_t left = share.all - held_by_all;
  const std::size_t half = share.all / 2;
  return held_by_owner == 0 || (left > half && held_by_owner < std::min(share.of_an_owner, left - half));
}

}  // namespace afterword::delivery
