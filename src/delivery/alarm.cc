#include "delivery/alarm.h"

#include <algorithm>
#include <utility>

namespace afterword::delivery {
namespace {

// How many timers are looked at in one step of the store.
constexpr std::size_t max_fired = 1000;
// Steady time may stand still while the machine sleeps: how soon it is noticed that it has.
constexpr std::chrono::seconds longest_sleep{1};

}  // namespace

void Alarm::set(Timestamp when, domain::DelayId delay_id) {
  const auto earliest = timers_.earliest();
  timers_.add({when, delay_id});
  if (!earliest || when < *earliest) changed_.notify_all();
}

void Alarm::hold(Timestamp when, domain::DelayId delay_id) {
  held_.push_back({when, delay_id});
  if (held_.size() == 1) changed_.notify_all();
}

// When there is something to do.
std::optional<Timestamp> Alarm::next() const {
  const auto earliest = timers_.earliest();
  if (held_.empty()) return earliest;
  const Timestamp hold_end = context_.grace.end();
  return std::min(hold_end, earliest.value_or(hold_end));
}

Task<void> Alarm::run(std::function<Task<void>(std::vector<Timer>)> fire) {
  while (!context_.stopping) {
    const Timestamp now = context_.clock.now();
    if (context_.grace.is_over(now)) timers_.add(std::exchange(held_, {}));
    std::vector<Timer> fired = timers_.take_due(now, max_fired);
    if (!fired.empty()) {
      auto firing = fire(std::move(fired));
      co_await std::move(firing);
    } else if (const auto wake = next()) {
      const auto sleep = std::min<Milliseconds>(*wake - now, longest_sleep);
      co_await changed_.wait_until(context_.clock, context_.clock.steady_now() + sleep);
    } else {
      co_await changed_.wait();
    }
  }
}

}  // namespace afterword::delivery
