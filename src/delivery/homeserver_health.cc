#include "delivery/homeserver_health.h"

#include <algorithm>

namespace afterword::delivery {
namespace {

// At most so often while the homeserver is reachable.
constexpr std::chrono::seconds question_interval{1};

}  // namespace

void HomeserverHealth::note_answer() {
  if (in_outage()) end_outage();
}

// The task is the only one, and it never throws: when it ends, by stop() or by itself, the next may begin.
void HomeserverHealth::suspect(const domain::UserId& owner, const std::string& reason) {
  if (asking_ || context_.is_stopping()) return;
  asking_ = true;
  context_.loops.spawn("asking whether the homeserver is reachable", ask_until_reachable(owner, reason));
}

Task<void> HomeserverHealth::ask_until_reachable(domain::UserId owner, std::string suspicion) {
  co_await context_.clock.sleep_until(next_question_);
  for (unsigned failures = 1; !context_.is_stopping(); ++failures) {
    auto asking = homeserver_.ask_way(owner);
    const auto answer = co_await context_.catch_errors("asking whether the homeserver is reachable", std::move(asking));
    next_question_ = context_.clock.steady_now() + question_interval;
    const homeserver::Closed no_answer{"asking failed"};
    const auto* closed = answer ? std::get_if<homeserver::Closed>(&*answer) : &no_answer;
    if (closed == nullptr) break;
    begin_outage(suspicion, closed->reason);
    const Milliseconds told = std::min(closed->retry_after.value_or(Milliseconds(0)), context_.options.last_retry);
    co_await context_.clock.sleep_for(std::max(backoff_.after(failures), told));
  }
  asking_ = false;
  if (in_outage() && !context_.is_stopping()) end_outage();
}

void HomeserverHealth::begin_outage(const std::string& suspicion, const std::string& reason) {
  if (in_outage()) return;
  outage_begin_ = context_.clock.steady_now();
  ++context_.counts.outages;
  log::warn("The homeserver takes no events: {}; asked about it, {}", suspicion, reason);
}

void HomeserverHealth::end_outage() {
  log::info("The homeserver takes events again");
  const async::Steady outage_begin = *outage_begin_;
  outage_begin_.reset();
  outage_end_ = context_.clock.steady_now();
  on_recovery_(outage_begin);
}

}  // namespace afterword::delivery
