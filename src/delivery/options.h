// The limits and times of delivery. docs/reliability.md says what follows from them.
#pragma once

#include "base/rate_limiter.h"
#include "base/time.h"
#include "domain/decisions.h"

#include <chrono>
#include <cstddef>
#include <optional>

namespace afterword::delivery {

struct Options {
  std::size_t max_concurrent_sends = 32;
  std::size_t max_sends_of_an_owner = 8;
  std::size_t max_concurrent_retries = 16;  // beside those, of what was sent before
  std::size_t max_retries_of_an_owner = 4;
  std::size_t max_concurrent_requests = 16;  // beside those, of what is sent on request
  std::size_t max_requests_of_an_owner = 4;
  // Of one owner's events, for homeservers that limit none: what is beyond it fails with M_LIMIT_EXCEEDED, as what the
  // homeserver limits. Absent: none.
  std::optional<Rate> owner_limit{};
  Milliseconds first_retry{500};  // doubled at each failure, with jitter
  Milliseconds last_retry{30'000};
  Milliseconds last_store_retry{1'000};  // of what the store could not do: it may be available any moment
  Milliseconds longest_wait{30'000};     // of those who wait for an outcome
  Milliseconds ask_again_after{1'000};   // until the store is asked again about an event that somebody else is sending

  // After an outage of our own or of the store: what came due meanwhile does not leave by time before this has passed,
  // so that clients can restart it, but for no longer than its own delay. MSC4140 allows an event to be 30 s late.
  Milliseconds start_grace{0};

  // An attempt whose answer was lost may still be under way in the homeserver. It is not sent again before this.
  Milliseconds quiet_time{5'000};
  // The same where it may be in a queue of the homeserver, before that is flushed: Dendrite's hands out once more what
  // Dendrite was busy with when it ended, after 5 min 10 s or at the next start, and when something comes to the room.
  Milliseconds queue_time{330'000};
  // And after that was flushed: a Dendrite under load was seen to show an event 28 s after it had made it.
  Milliseconds flush_time{120'000};
  Milliseconds send_timeout{30'000};
  // How long the events of a room that were sent without an outcome hold up its later ones, all together. Afterwards
  // such an event is set aside, and sent again beside them, at growing intervals; and the room waits for no answer
  // longer than `short_send_timeout`, so that events that are never answered hold up the others hardly longer.
  Milliseconds longest_hold = domain::longest_hold;
  Milliseconds short_send_timeout{1'000};
  Milliseconds first_retry_aside{30'000};
  Milliseconds last_retry_aside{300'000};
  // So long after it was due it fails with what was answered last.
  Milliseconds give_up_after = std::chrono::hours(24);
  // How often the timers of instances that are gone are taken over.
  Milliseconds adoption_interval{2'000};
};

}  // namespace afterword::delivery
