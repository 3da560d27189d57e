// What this process is sending: each event from before it is claimed until its outcome is recorded, and who waits for
// it. An event that is `sending` in the store and not here is another instance's.
//
// Thread: the server's only one. No errors.
#pragma once

#include "async/clock.h"
#include "async/condition.h"
#include "delivery/delivery.h"

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace afterword::delivery {

// Where the answer to a `send` action appears.
using Reply = std::shared_ptr<std::optional<SendNowAnswer>>;

class Attempts {
 public:
  Attempts(async::Executor executor, const Options& options) : options_(options), ended_(std::move(executor)) {}

  bool contains(domain::DelayId delay_id) const { return attempts_.contains(delay_id); }

  // False: one is under way already, and goes on as it is.
  bool begin(domain::DelayId delay_id, Reply reply = nullptr);
  // It ended, or it turned out that it was not ours to make. Wakes all who wait.
  void end(domain::DelayId delay_id, SendNowAnswer answer);

  // Its last try had no clear answer, which we know since `now`.
  void note_unclear(domain::DelayId delay_id, async::Steady now, bool may_be_queued = false);
  // A look did not find it, and it may be in a queue of the homeserver.
  void note_may_be_queued(domain::DelayId delay_id);
  // The homeserver could not be asked: what it was sent before, and what may be in its queue, has its time from then
  // on.
  void note_not_asked(domain::DelayId delay_id, async::Steady now);
  // The queue has had its time, and everything in it was worked off.
  void note_flushed(domain::DelayId delay_id, async::Steady now, homeserver::Flush flush);
  bool is_to_be_flushed(domain::DelayId delay_id) const;
  // Whether no earlier try can take effect any more, as far as is known: not of an attempt that nobody knows.
  bool is_quiet(domain::DelayId delay_id, async::Steady now) const;

  // An event of the room is this attempt's, unless another one here has taken it: then that one.
  std::optional<domain::DelayId> take(domain::DelayId delay_id, const domain::EventId& event_id);
  void give_back(domain::DelayId delay_id);

  // In which transaction it is sent: its own, or that of a twin with which it has exchanged, whose last try may be as
  // late as `now`.
  domain::DelayId transaction_of(domain::DelayId delay_id) const;
  void exchange(domain::DelayId delay_id, domain::DelayId twin, async::Steady now);

  async::Condition& ended() { return ended_; }

 private:
  struct UnderWay {
    Reply reply;                                      // for who asked for it
    std::optional<async::Steady> quiet_until = {};    // until then an earlier try may still be under way; not known yet
    async::Steady unanswered{};                       // when the homeserver last gave no answer
    bool may_be_queued = false;                       // an earlier try may be in its queue,
    bool flushed = false;                             // if that was not worked off since
    std::optional<domain::EventId> event = {};        // in its room, until that is recorded
    std::optional<domain::DelayId> transaction = {};  // if it is not its own
  };

  // Nothing, if it has ended meanwhile.
  const UnderWay* find(domain::DelayId delay_id) const;
  UnderWay* find(domain::DelayId delay_id);

  const Options& options_;
  std::unordered_map<domain::DelayId, UnderWay> attempts_;
  async::Condition ended_;
};

}  // namespace afterword::delivery
