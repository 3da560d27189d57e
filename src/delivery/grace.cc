#include "delivery/grace.h"

#include <algorithm>
#include <utility>

namespace afterword::delivery {
namespace {

// Clients of calls restart their events every 4 or 5 s. That none was heard for less than that says nothing.
constexpr Milliseconds shortest_silence{5'000};

}  // namespace

void Grace::begin(Timestamp now) {
  began_ = now;
  end_ = now + length_;
}

bool Grace::begin_after_outage(async::Steady outage_begin, async::Steady steady_now, Timestamp now) {
  if (length_ == Milliseconds(0) || steady_now - outage_begin < shortest_silence) return false;
  if (client_heard_ >= std::max(outage_begin, steady_now - length_)) return false;
  begin(now);
  awaits_clients_ = true;
  return true;
}

void Grace::note_client(async::Steady steady_now, Timestamp now) {
  client_heard_ = steady_now;
  if (std::exchange(awaits_clients_, false) && now < end_) begin(now);
}

Timestamp Grace::end_for(const domain::Timing& timing) const {
  return began_ == Timestamp::max() ? began_ : began_ + std::min(length_, timing.delay);
}

}  // namespace afterword::delivery
