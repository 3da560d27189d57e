#include "delivery/aside.h"

#include <utility>

namespace afterword::delivery {

using domain::DelayId;

void Aside::wait(DelayId delay_id, unsigned failures) {
  context_.waits.spawn("the pause of an attempt set aside", resolve_later(delay_id, failures));
}

Task<void> Aside::resolve_later(DelayId delay_id, unsigned failures) {
  co_await context_.clock.sleep_for(context_.delay_after(failures));
  if (!context_.stopping) context_.tries.spawn("resolving an attempt set aside", resolve(delay_id, failures));
}

Task<void> Aside::resolve(DelayId delay_id, unsigned failures) {
  auto found = co_await tries_.look_up(delay_id);
  if (!found) {
    wait(delay_id, failures + 1);
    co_return;
  }
  if (!*found) {
    alarm_.set(context_.clock.now(), delay_id);  // to see what has become of it
    co_return;
  }

  const Timestamp due = (*found)->timing.due();
  NextStep step = co_await tries_.resolve(std::move(**found));
  if (auto* finalise = std::get_if<Finalise>(&step)) {
    co_await tries_.record(delay_id, std::move(*finalise));
  } else if (auto* release = std::get_if<Release>(&step)) {
    co_await tries_.record(delay_id, std::move(*release));
    alarm_.set(due, delay_id);
  } else {
    wait(delay_id, failures + 1);
  }
}

}  // namespace afterword::delivery
