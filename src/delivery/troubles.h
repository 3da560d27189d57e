// Events that were tried without an outcome while the way to the homeserver was open, and what follows for each.
//
// Its room waits for such an event for a while; then it is set aside, and tried again at growing intervals. A day after
// it was due it fails with what was answered last. That is reckoned from its due time, which is durable, but never
// before it was set aside by this process, and has failed for a while since the last outage. Pure.
#pragma once

#include "async/clock.h"
#include "delivery/delivery.h"
#include "domain/delayed_event.h"

#include <optional>
#include <string>
#include <unordered_map>

namespace afterword::delivery {

struct Trouble {
  Timestamp due;          // of the event, as it was when it was tried
  async::Steady since;    // when it was first tried without an outcome
  unsigned failures = 0;  // tries and looks, since it has its present place, in its room or aside
  unsigned rounds = 0;    // how often it has come back from there without having arrived
  bool is_aside = false;
  std::optional<domain::HomeserverError> answer = std::nullopt;  // the last, if there was any

  // For how long its room may still wait for it.
  Milliseconds hold_left(async::Steady now, const Options& options) const {
    return std::chrono::ceil<Milliseconds>(since + options.longest_hold - now);
  }
  bool holds_too_long(async::Steady now, const Options& options) const {
    return !is_aside && now - since >= options.longest_hold;
  }
  bool is_hopeless(Timestamp server_now, async::Steady now, const Options& options) const {
    return is_aside && server_now - due >= options.give_up_after && now - since >= options.longest_hold;
  }
  // From now on. What is under way is looked for first; else a round has ended, and it waits for the next.
  void set_aside(bool under_way) {
    is_aside = true;
    failures = 0;
    rounds = under_way ? 0 : 1;
  }
  // What it fails with when nothing more is tried.
  domain::HomeserverError error() const;
};

class Troubles {
 public:
  // Another try of an event that was due then has no outcome. What failed before `open_since`, when the last outage
  // ended, does not count.
  Trouble& add(domain::DelayId delay_id, Timestamp due, async::Steady now, async::Steady open_since);
  // Of the event that is due then: one that was restarted since has a new beginning.
  const Trouble* find(domain::DelayId delay_id, Timestamp due) const;
  Trouble* find(domain::DelayId delay_id, Timestamp due);
  bool is_aside(domain::DelayId delay_id, Timestamp due) const;
  // It has an outcome, or another beginning.
  void forget(domain::DelayId delay_id) { troubles_.erase(delay_id); }

 private:
  std::unordered_map<domain::DelayId, Trouble> troubles_;
};

}  // namespace afterword::delivery
