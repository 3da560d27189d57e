#include "delivery/outage.h"

#include <algorithm>

namespace afterword::delivery {
namespace {

// So many in a row without a clear answer: it is not the events, it is the homeserver.
constexpr unsigned unclear_is_away = 3;

}  // namespace

bool Outage::is_suspected() const { return unclear_in_a_row_ >= unclear_is_away; }

void Outage::begin(const std::string& reason, Milliseconds at_least) {
  if (pausing_) return;  // noticed by an event that left at the same time
  if (failures_++ == 0) log::warn("The homeserver takes no events: {}", reason);
  pausing_ = true;
  const auto time = std::max<Milliseconds>(context_.delay_after(failures_), at_least);
  context_.waits.spawn("the pause of an outage", resume_after(time));
}

void Outage::end() {
  if (failures_ > 0) log::info("The homeserver takes events again");
  failures_ = 0;
  unclear_in_a_row_ = 0;
}

Task<void> Outage::resume_after(std::chrono::milliseconds time) {
  co_await context_.clock.sleep_for(time);
  pausing_ = false;
  resume_();
}

}  // namespace afterword::delivery
