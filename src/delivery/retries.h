// Events that were sent without an outcome while the homeserver was reachable, and when each is tried again.
//
// Its room waits for such an event for a while; then it is set aside, and tried again beside its room, at growing
// intervals. A day after it was due it fails with what was answered last. That is reckoned from its due time, which is
// durable, but never before this process has set it aside, and has failed for a while since the last outage of the
// homeserver. docs/reliability.md, "One event against all others". Pure but for the jitter: time is passed in.
#pragma once

#include "async/clock.h"
#include "delivery/backoff.h"
#include "delivery/options.h"
#include "domain/delayed_event.h"

#include <optional>
#include <unordered_map>

namespace afterword::delivery {

struct Retry {
  Timestamp due;          // of the event, as it was when it was sent
  async::Steady since;    // when it was first sent without an outcome
  unsigned failures = 0;  // of sends and looks, since it has its present place, in its room or aside
  unsigned rounds = 0;    // how often it has come back from there without having arrived
  bool is_aside = false;
  std::optional<domain::HomeserverError> last_answer = std::nullopt;

  // Nothing more is tried. `outage_end` is that of the homeserver's last outage.
  bool is_hopeless(Timestamp server_now, async::Steady now, async::Steady outage_end, const Options& options) const;
};

// What an event fails with of which nothing more is tried.
domain::HomeserverError final_error(const Retry* retry);

class Retries {
 public:
  explicit Retries(const Options& options);

  // A send or a look of an event that was due then had no outcome, but for `answer`. What failed before `outage_end`
  // does not count.
  Retry& note_failure(domain::DelayId delay_id, Timestamp due, const std::optional<domain::HomeserverError>& answer,
                      async::Steady now, async::Steady outage_end);
  // Of the event that is due then: one that was restarted since has a new beginning.
  const Retry* find(domain::DelayId delay_id, Timestamp due) const;
  bool is_aside(domain::DelayId delay_id, Timestamp due) const;
  // It has an outcome, or another beginning.
  void forget(domain::DelayId delay_id) { retries_.erase(delay_id); }

  // How long it waits now, at least so long, while its room waits for it; or it is set aside. Is it `unclear`, then it
  // is looked for after that; else it has not arrived, and is sent again. Nothing if it never failed.
  Milliseconds next_pause(domain::DelayId delay_id, Timestamp due, bool unclear, Milliseconds at_least,
                          async::Steady now);

  Backoff backoff;  // also of those who could not begin to send

 private:
  const Options& options_;
  Backoff backoff_aside_;
  std::unordered_map<domain::DelayId, Retry> retries_;
};

}  // namespace afterword::delivery
