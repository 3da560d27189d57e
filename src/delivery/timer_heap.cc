#include "delivery/timer_heap.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace afterword::delivery {
namespace {

constexpr std::greater<Timer> later{};  // the standard heaps have the greatest in front

}  // namespace

void TimerHeap::add(Timer timer) {
  heap_.push_back(timer);
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void TimerHeap::add(std::vector<Timer> timers) {
  if (timers.empty()) return;
  if (heap_.empty()) {
    heap_ = std::move(timers);
  } else {
    heap_.insert(heap_.end(), timers.begin(), timers.end());
  }
  std::make_heap(heap_.begin(), heap_.end(), later);
}

std::optional<Timestamp> TimerHeap::earliest() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().when;
}

std::vector<Timer> TimerHeap::take_due(Timestamp now, std::size_t limit) {
  std::vector<Timer> due;
  while (due.size() < limit && !heap_.empty() && heap_.front().when <= now) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    due.push_back(heap_.back());
    heap_.pop_back();
  }
  return due;
}

}  // namespace afterword::delivery
