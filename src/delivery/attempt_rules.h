// What an attempt does next, after each answer that it gets: pure functions, whose decisions attempt.h performs.
// docs/protocol.md sections 2 and 7 and docs/reliability.md, "How an attempt is resolved", say why.
#pragma once

#include "async/clock.h"
#include "delivery/options.h"
#include "delivery/send_now_answer.h"
#include "domain/delayed_event.h"
#include "homeserver/homeserver.h"
#include "store/store.h"

#include <optional>
#include <string>
#include <variant>

namespace afterword::delivery {

// --- What an attempt knows of itself ---

struct AttemptState {
  bool on_request = false;  // by the `send` action, not at its time
  bool has_device = false;  // its owner's device, as which it is sent first

  // What has become of earlier sends without a clear answer, as far as the homeserver tells.
  // From then on none of them can take effect any more, except from the homeserver's queue.
  async::Steady quiet_from = async::Steady::max();
  bool may_be_queued = false;  // one of them may be in that queue
  bool is_flushed = false;     // the queue was worked off since
  async::Steady unanswered{};  // when the homeserver last gave no answer
  bool has_stalled = false;    // it has since taken so long for a look that it may just have begun to work again

  // A send had no clear answer, which is known since `now`.
  void note_unclear(async::Steady now, const Options& options, bool may_be_queued = false);
  // The homeserver could not be asked: what it was sent before, and what may be in its queue, has its time from `now`.
  void note_not_asked(async::Steady now, const Options& options);
  // A look was answered, but late. What the homeserver was sent before has its time from `now`: once, for one that is
  // always slow must not be waited for again and again. False: that was so already.
  bool note_stalled(async::Steady now, const Options& options);
  bool is_quiet(async::Steady now, const Options& options) const;
};

// --- What it does next ---

struct Claim {};  // have the store record that it is being sent, after the homeserver was prepared
struct Send {
  Milliseconds pause{0};          // before it
  bool prepare = true;            // leave a mark first; before the first send the claim has left one
  bool is_counted = false;        // for its owner's limit
  bool with_device = true;        // as its owner's device, if it has one
  bool is_second = false;         // the first was refused
  bool may_have_arrived = false;  // an earlier send had no clear answer, and no look could tell
  Milliseconds shortened_by{0};   // the time for which an answer is waited for; the homeserver may act on it until then
};
struct LookFor {};     // in its room
struct FlushQueue {};  // of the homeserver
struct TryLater {      // it has no outcome: it may have arrived, or must not be sent now
  std::string reason;
  std::optional<domain::HomeserverError> error = std::nullopt;
};
struct AwaitTurn {  // in its room or aside, at least for this pause
  Milliseconds pause{0};
};
struct Finalise {
  domain::Outcome outcome;
};
struct Release {         // it has not arrived, and goes back to scheduled
  SendNowAnswer answer;  // for who asked for it to be sent
  Milliseconds retry_after{0};
  std::optional<domain::HomeserverError> error = std::nullopt;  // the homeserver's answer, if it gave one
  bool is_tried_again = false;  // by us, soon; else when its time has come, or somebody asks for it again
};
struct GiveUp {};  // it fails with what was answered last
// It could not be claimed, and keeps its place for a later turn.
struct PutBack {
  Milliseconds pause{0};  // of its room
};
struct Leave {  // it is not to be sent now, or no more
  SendNowAnswer answer;
  std::optional<Timestamp> timer = std::nullopt;  // when it may have to be sent after all
};
struct Over {};
using Step = std::variant<Claim, Send, LookFor, FlushQueue, TryLater, AwaitTurn, Finalise, Release, GiveUp, PutBack,
                          Leave, Over>;

// --- The rules ---

// The store did not let the event be claimed, which its queue has as due at `due`.
Step after_no_claim(const store::ClaimAnswer& answer, bool on_request, Timestamp due, Timestamp now,
                    const Options& options);

Step after_send(AttemptState& state, const Send& send, const homeserver::SendAnswer& answer, async::Steady now,
                const Options& options);

// What a look has found, where events of other attempts are left out.
struct NotThere {
  bool may_be_queued = false;  // the homeserver says so
  bool has_twins = false;      // events of twins are shown, so it did not say whether its own may be queued
};
using Found =
    std::variant<domain::EventId, NotThere, homeserver::MayNotLook, homeserver::CannotTell, store::Unavailable>;
// What was known when the look began.
struct Look {
  async::Steady begin{};       // what was still on its way by then, it may have missed
  async::Steady outage_end{};  // of the homeserver's last outage
  bool is_hopeless = false;    // it fails as soon as no earlier send can take effect any more
  bool is_aside = false;       // it is set aside
  bool is_in_grace = false;    // its client still has time to restart it
  bool has_exchanged = false;  // its transaction, with a twin
};
Step after_look(AttemptState& state, const Look& look, const Found& found, async::Steady now, const Options& options);

Step after_flush(AttemptState& state, homeserver::Flush flush, async::Steady now, const Options& options);

// What to send of a claimed event. It depends on what is durable alone, so every send of an attempt, also after a
// restart of the server or when the clock was set, has the same origin_server_ts: the event's own if an application
// service gave it one, else that of the claim.
domain::Attempt attempt_of(const domain::DelayedEvent& event);

}  // namespace afterword::delivery
