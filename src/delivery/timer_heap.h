// When each delayed event is to be looked at: a heap, 24 bytes an event. Timers are never moved or removed before they
// fire; whoever set one checks then whether it still matters.
#pragma once

#include "base/time.h"
#include "domain/ids.h"

#include <compare>
#include <cstddef>
#include <optional>
#include <vector>

namespace afterword::delivery {

struct Timer {
  Timestamp when;
  domain::DelayId delay_id;

  friend auto operator<=>(const Timer&, const Timer&) = default;
};
static_assert(sizeof(Timer) == 24);

class TimerHeap {
 public:
  void add(Timer timer);
  void add(std::vector<Timer> timers);  // in linear time
  std::optional<Timestamp> earliest() const;
  std::size_t size() const { return heap_.size(); }
  // The earliest, in their order, at most `limit`; looks at no more than twice as many.
  std::vector<Timer> first(std::size_t limit) const;

  // Takes out those whose time has come, in their order, at most `limit`.
  std::vector<Timer> take_due(Timestamp now, std::size_t limit);

 private:
  std::vector<Timer> heap_;  // the earliest first
};

}  // namespace afterword::delivery
