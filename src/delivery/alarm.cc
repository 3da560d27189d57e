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

void Alarm::hold(Timestamp until, Timer timer) {
  const auto held = held_.emplace(until, timer);
  if (held == held_.begin()) changed_.notify_all();
}

// When there is something to do.
std::optional<Timestamp> Alarm::next() const {
  const auto earliest = timers_.earliest();
  if (held_.empty()) return earliest;
  const Timestamp let_go = held_.begin()->first;
  return std::min(let_go, earliest.value_or(let_go));
}

void Alarm::look_again(std::vector<Timer> timers, Timestamp when) {
  for (Timer& timer : timers) timer.when = when;
  timers_.add(std::move(timers));
}

void Alarm::let_go(Timestamp now) {
  std::vector<Timer> timers;
  const auto end = held_.upper_bound(now);
  for (auto held = held_.begin(); held != end; ++held) timers.push_back(held->second);
  held_.erase(held_.begin(), end);
  timers_.add(std::move(timers));
}

Task<void> Alarm::run(std::function<Task<void>(std::vector<Timer>)> fire) {
  while (!context_.stopping) {
    const Timestamp now = context_.clock.now();
    let_go(now);
    std::vector<Timer> fired = timers_.take_due(now, max_fired);
    if (!fired.empty()) {
      auto firing = fire(fired);
      const bool looked = co_await context_.go_on_after_errors("looking at timers", std::move(firing));
      if (!looked) look_again(std::move(fired), now + longest_sleep);
    } else if (const auto wake = next()) {
      const auto sleep = std::min<Milliseconds>(*wake - now, longest_sleep);
      co_await changed_.wait_until(context_.clock, context_.clock.steady_now() + sleep);
    } else {
      co_await changed_.wait();
    }
  }
}

}  // namespace afterword::delivery
