#include "delivery/way.h"

#include "delivery/give_back.h"

#include <algorithm>

namespace afterword::delivery {
namespace {

// At most so often while the way is open.
constexpr std::chrono::seconds question_interval{1};

}  // namespace

void Way::heard() {
  if (is_closed()) open();
}

void Way::doubt(const domain::UserId& owner, const std::string& reason) {
  if (asking_ || context_.stopping) return;
  context_.waits.spawn("asking whether the homeserver is there", ask_until_open(owner, reason));
}

Task<void> Way::ask_until_open(domain::UserId owner, std::string reason) {
  if (asking_) co_return;
  asking_ = true;
  const GiveBack not_asking([this] { asking_ = false; });
  co_await context_.clock.sleep_until(not_before_);
  for (unsigned failures = 1; !context_.stopping; ++failures) {
    homeserver::WayAnswer answer = homeserver::Closed{"asking failed"};
    auto asking = ask(owner, answer);
    co_await context_.go_on_after_errors("asking whether the homeserver is there", std::move(asking));
    not_before_ = context_.clock.steady_now() + question_interval;
    const auto* closed = std::get_if<homeserver::Closed>(&answer);
    if (closed == nullptr) break;
    close(reason, closed->reason);
    const Milliseconds told = std::min(closed->retry_after.value_or(Milliseconds(0)), context_.options.last_retry);
    co_await context_.clock.sleep_for(std::max<Milliseconds>(context_.delay_after(failures), told));
  }
  if (is_closed() && !context_.stopping) open();
}

Task<void> Way::ask(domain::UserId owner, homeserver::WayAnswer& answer) {
  answer = co_await context_.homeserver.ask_way(std::move(owner));
}

void Way::close(const std::string& doubt, const std::string& reason) {
  if (is_closed()) return;
  closed_since_ = context_.clock.steady_now();
  log::warn("The homeserver takes no events: {}; asked about it, {}", doubt, reason);
}

void Way::open() {
  log::info("The homeserver takes events again");
  const async::Steady closed_since = *closed_since_;
  closed_since_.reset();
  open_since_ = context_.clock.steady_now();
  opened_(closed_since);
}

}  // namespace afterword::delivery
