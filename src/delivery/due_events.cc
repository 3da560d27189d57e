#include "delivery/due_events.h"

#include <algorithm>

namespace afterword::delivery {
namespace {

// How many events are looked at in one step of the store.
constexpr std::size_t max_fired = 1000;
// Steady time may stand still while the machine sleeps: how soon it is noticed that it has.
constexpr std::chrono::seconds longest_sleep{1};

}  // namespace

void DueEvents::set_timer(Timestamp when, domain::DelayId delay_id) {
  const auto earliest = timers_.earliest();
  timers_.add({when, delay_id});
  if (!earliest || when < *earliest) timer_set_.notify_all();
}

Timestamp DueEvents::complete_until() const {
  const auto earliest = timers_.earliest().value_or(Timestamp::max());
  return std::min(earliest, fired_.value_or(earliest));
}

std::vector<Timer> DueEvents::first_timers(std::size_t limit) const {
  std::vector<Timer> first = timers_.first(limit);
  for (const auto& [release, timer] : held_) {
    if (first.size() == 2 * limit) break;
    first.push_back(timer);
  }
  std::ranges::sort(first);
  if (first.size() > limit) first.resize(limit);
  return first;
}

std::optional<Timestamp> DueEvents::next_wake() const {
  const auto earliest = timers_.earliest();
  if (held_.empty()) return earliest;
  const Timestamp release = held_.begin()->first;
  return std::min(release, earliest.value_or(release));
}

Task<void> DueEvents::run() {
  while (!context_.is_stopping()) {
    const Timestamp now = context_.clock.now();
    release_held(now);
    const std::vector<Timer> fired = timers_.take_due(now, max_fired);
    if (!fired.empty()) {
      fired_ = fired.front().when;
      std::vector<domain::DelayId> ids;
      ids.reserve(fired.size());
      for (const Timer& timer : fired) ids.push_back(timer.delay_id);
      auto find = [this, &ids] { return store_.find_active(ids); };
      auto looking = store_retry_.until_available(find);
      const auto found = co_await context_.catch_errors("looking at timers", std::move(looking));
      if (found) {
        sort_out(**found);
      } else {
        for (const Timer& timer : fired) timers_.add({now + longest_sleep, timer.delay_id});
      }
      fired_.reset();
      changed_.notify_all();
    } else if (const auto wake = next_wake()) {
      const auto sleep = std::min<Milliseconds>(*wake - now, longest_sleep);
      co_await timer_set_.wait_until(context_.clock, context_.clock.steady_now() + sleep);
    } else {
      co_await timer_set_.wait();
    }
  }
}

// So that they fire in their order among all others.
void DueEvents::release_held(Timestamp now) {
  std::vector<Timer> timers;
  const auto end = held_.upper_bound(now);
  for (auto held = held_.begin(); held != end; ++held) timers.push_back(held->second);
  held_.erase(held_.begin(), end);
  timers_.add(std::move(timers));
}

void DueEvents::sort_out(const std::vector<store::ActiveEvent>& found) {
  const Timestamp now = context_.clock.now();
  for (const store::ActiveEvent& event : found) {
    const Timestamp due = event.timing.due();
    if (event.state == domain::State::sending) {
      timers_.add({now + context_.options.ask_again_after, event.delay_id});
    } else if (due > now) {
      timers_.add({due, event.delay_id});
    } else if (grace_.holds(event.timing, now)) {
      held_.emplace(grace_.end_for(event.timing), Timer{due, event.delay_id});
    } else {
      hand_on_(event);
    }
  }
}

}  // namespace afterword::delivery
