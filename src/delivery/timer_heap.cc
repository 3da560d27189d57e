#include "delivery/timer_heap.h"

#include <algorithm>
#include <functional>
#include <queue>
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

std::vector<Timer> TimerHeap::first(std::size_t limit) const {
  std::vector<Timer> found;
  // What may come next: behind each that was found, the two below it in the heap.
  const auto is_later = [this](std::size_t a, std::size_t b) { return heap_[a] > heap_[b]; };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(is_later)> next(is_later);
  if (!heap_.empty()) next.push(0);
  while (found.size() < limit && !next.empty()) {
    const std::size_t place = next.top();
    next.pop();
    found.push_back(heap_[place]);
    for (const std::size_t below : {2 * place + 1, 2 * place + 2}) {
      if (below < heap_.size()) next.push(below);
    }
  }
  return found;
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
