// Events that were sent without an outcome while the homeserver was reachable, and when each is tried again.
//
// Its room waits for such an event, but no longer than for a while in all, however many they are and whoever's: what
// fails when that is used up is set aside, and tried again beside its room, at growing intervals. A day after it was
// due an event fails with what was answered last. That is reckoned from its due time, which is durable, but never
// before this process has set it aside, and has failed for a while since the last outage of the homeserver.
// docs/reliability.md, "One event against all others". Pure but for the jitter: time is passed in.
#pragma once

#include "async/clock.h"
#include "delivery/backoff.h"
#include "delivery/options.h"
#include "domain/delayed_event.h"

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace afterword::delivery {

struct Retry {
  Timestamp due;  // of the event, as it was when it was sent
  domain::RoomId room_id;
  async::Steady since;    // when it was first sent without an outcome
  async::Steady last;     // and when last
  unsigned failures = 0;  // of sends and looks, since it was queued where it is now: in its room, or aside
  unsigned rounds = 0;    // how often, aside, it turned out not to have arrived; it makes the intervals grow
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

  // A send or a look of an event of this room that was due then had no outcome, but for `answer`. It has had the turn
  // of its room since `began`. What failed before `outage_end` does not count.
  Retry& note_failure(domain::DelayId delay_id, domain::RoomId room_id, Timestamp due,
                      const std::optional<domain::HomeserverError>& answer, async::Steady began, async::Steady now,
                      async::Steady outage_end);
  // Of the event that is due then: one that was restarted since has a new beginning.
  const Retry* find(domain::DelayId delay_id, Timestamp due) const;
  bool is_aside(domain::DelayId delay_id, Timestamp due) const;
  // Its room has waited for as long as it may, and waits for no other event without an outcome.
  bool has_waited_enough(const domain::RoomId& room_id, async::Steady now, async::Steady outage_end) const;
  // It has an outcome, or another beginning, since then.
  void forget(domain::DelayId delay_id, async::Steady now);

  // An event that has failed waits before it is tried again, in its room or aside: this decides where, and for how
  // long. If it `may_have_arrived`, it is looked for next; else it is sent again. While its room waits for it, the
  // pause is no shorter than `at_least`. There is none for an event that has not failed.
  Milliseconds set_aside_or_wait(domain::DelayId delay_id, Timestamp due, bool may_have_arrived, Milliseconds at_least);

  std::size_t aside() const;
  // Those that are set aside, of the first `limit` that are looked at.
  std::vector<std::pair<Timestamp, domain::DelayId>> some_aside(std::size_t limit) const;

  Backoff backoff;  // also of those who could not begin to send

 private:
  // For how long events without an outcome have held up a room. It is forgotten when nothing has failed there for long.
  struct Hold {
    async::Steady since;    // of the first failure that it knows of
    async::Steady counted;  // until when `used` is reckoned: two that fail by turns do not count twice
    async::Steady last_failure;
    async::Steady::duration used{};

    bool is_over(async::Steady now, async::Steady outage_end) const;
  };

  Hold& hold_of(const domain::RoomId& room_id, async::Steady began, async::Steady now, async::Steady outage_end);
  // Its room has waited for it since its last failure.
  static void count(Hold& hold, const Retry& retry, async::Steady now);
  Milliseconds hold_left(const Retry& retry) const;
  static void set_aside(Retry& retry, bool may_have_arrived);
  Milliseconds pause_aside(Retry& retry, bool may_have_arrived, Milliseconds at_least);

  const Options& options_;
  Backoff backoff_aside_;
  std::unordered_map<domain::DelayId, Retry> retries_;
  std::unordered_map<domain::RoomId, Hold> holds_;
  async::Steady next_sweep_{};
};

}  // namespace afterword::delivery
