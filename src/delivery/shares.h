// How many sends may be under way at once, and how many of them one owner's. Pure.
//
// However slow the events of some owners are, there is a place for those of others: an owner has a share, and beyond
// the first place takes no more than are left for everybody else.
#pragma once

#include <algorithm>
#include <cstddef>

namespace afterword::delivery {

struct Share {
  std::size_t all;
  std::size_t of_an_owner;
};

constexpr bool may_take(std::size_t held_by_owner, std::size_t held_by_all, Share share) {
  if (held_by_all >= share.all) return false;
  const std::size_t left = share.all - held_by_all;
  return held_by_owner == 0 || held_by_owner < std::min(share.of_an_owner, left);
}

}  // namespace afterword::delivery
