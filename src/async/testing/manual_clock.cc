#include "async/testing/manual_clock.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <stdexcept>
#include <string>

namespace afterword::async::testing {

// However the sleep ends (woken, cancelled, or destroyed with its task), the sleeper leaves the list.
struct ManualClock::Sleeper {
  Sleeper(ManualClock& owner, Steady when)
      : clock(owner), alarm(owner.context_, asio::steady_timer::time_point::max()) {
    place = clock.sleepers_.emplace(when, this);
  }
  ~Sleeper() {
    if (asleep) clock.sleepers_.erase(place);
  }

  void wake() {
    clock.sleepers_.erase(place);
    asleep = false;
    alarm.cancel();
  }

  ManualClock& clock;
  asio::steady_timer alarm;
  Sleepers::iterator place;
  bool asleep = true;
};

ManualClock::ManualClock() { follow(resume({}, machine_time())); }

MachineTime ManualClock::machine_time() const { return {"boot " + std::to_string(boots_), since_boot(), wall_}; }

Milliseconds ManualClock::since_boot() const {
  return std::chrono::floor<Milliseconds>(steady_.time_since_epoch()) + boot_ahead_;
}

Task<void> ManualClock::sleep_until(Steady when) {
  if (when <= steady_) co_return;
  Sleeper sleeper(*this, when);
  boost::system::error_code ignored;
  co_await sleeper.alarm.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void ManualClock::advance(std::chrono::milliseconds duration) {
  const Steady target = steady_ + duration;
  settle();
  while (!sleepers_.empty() && sleepers_.begin()->first <= target) {
    wake_first();
    settle();
  }
  move_to(target);
}

void ManualClock::suspend(std::chrono::milliseconds duration) {
  settle();
  boot_ahead_ += duration;
  wall_ += duration;
}

void ManualClock::boot(std::chrono::milliseconds downtime) {
  settle();
  wall_ += downtime;
  boot_ahead_ -= since_boot();
  ++boots_;
}

void ManualClock::settle() {
  context_.restart();  // it stops itself when it runs out of work
  context_.poll();
}

void ManualClock::run_until(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  const Steady last = steady_ + limit;
  for (settle(); !done(); settle()) {
    if (sleepers_.empty()) throw std::runtime_error("the task waits for something that cannot come");
    if (sleepers_.begin()->first > last) throw std::runtime_error("the task has not ended in time");
    wake_first();
  }
}

void ManualClock::move_to(Steady when) {
  // Wall time counts whole milliseconds; what is below stays in the steady time alone.
  wall_ += std::chrono::floor<Milliseconds>(when.time_since_epoch()) -
           std::chrono::floor<Milliseconds>(steady_.time_since_epoch());
  steady_ = when;
}

void ManualClock::wake_first() {
  move_to(sleepers_.begin()->first);
  sleepers_.begin()->second->wake();
}

}  // namespace afterword::async::testing
