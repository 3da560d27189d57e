#include "delivery/attempt_rules.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace afterword::delivery {
namespace {

// By then a homeserver that is being stopped takes no requests any more.
constexpr std::chrono::seconds second_send_pause{1};
// A look that takes longer was waiting for a homeserver that had stalled.
constexpr std::chrono::seconds late_look{2};
// While another instance sends an earlier event of the room.
constexpr Milliseconds pause_behind_another{100};

struct AfterSend {
  AttemptState& state;
  const Send& send;
  const async::Steady now;
  const Options& options;

  Step operator()(const homeserver::Sent& sent) const { return Finalise{sent.event_id}; }

  Step operator()(const homeserver::Refused& refused) const {
    Send again = send;
    again.is_counted = false;
    if (refused.errcode == "M_UNKNOWN_DEVICE" && state.has_device && send.with_device) {
      again.pause = Milliseconds(0);
      again.prepare = false;
      again.with_device = false;
      return again;
    }
    if (refused.may_be_stopping && !send.is_second) {
      again.pause = second_send_pause;
      again.prepare = true;
      again.is_second = true;
      return again;
    }
    // What may be in its room is never scheduled again: it could be cancelled, or come there twice.
    if (state.on_request && !send.may_have_arrived) return Release{refused.error};
    return Finalise{refused.error};
  }

  Step operator()(const homeserver::NotArrived& not_arrived) const {
    // This send did not arrive. An earlier one may have.
    if (send.may_have_arrived) return TryLater{not_arrived.reason, not_arrived.error};
    const Milliseconds retry_after = not_arrived.retry_after.value_or(Milliseconds(0));
    const bool is_tried_again = !state.on_request;
    return Release{NotSent{not_arrived.reason}, retry_after, not_arrived.error, is_tried_again};
  }

  Step operator()(const homeserver::Unclear& unclear) const {
    state.note_unclear(now + send.shortened_by, options, unclear.may_be_queued);
    return TryLater{unclear.reason, unclear.error};
  }
};

struct AfterLook {
  AttemptState& state;
  const Look& look;
  const async::Steady now;
  const Options& options;

  // A homeserver that has hung goes on with what it was sent when it is there again.
  bool was_quiet() const {
    return look.begin - look.outage_end >= options.quiet_time && state.is_quiet(look.begin, options);
  }

  bool has_just_stalled() const { return now - look.begin >= late_look && state.note_stalled(now, options); }

  // So that its event can be restarted or cancelled. One that is sent on request is not released, because it would have
  // to be asked for again; nor one that has exchanged transactions, because it would forget that and only find it out
  // anew.
  bool is_released_if_absent() const {
    return !state.on_request && !look.has_exchanged && (look.is_aside || look.is_in_grace);
  }

  Step operator()(const domain::EventId& event_id) const { return Finalise{event_id}; }

  Step operator()(const NotThere& not_there) const {
    if (not_there.may_be_queued || not_there.has_twins) state.may_be_queued = true;
    if (has_just_stalled()) return TryLater{"the homeserver had stalled when it was looked for"};
    if (!was_quiet() || !state.is_quiet(now, options)) {
      return TryLater{"it is not in its room; it may still be on its way there"};
    }
    if (state.may_be_queued && !state.is_flushed) return FlushQueue{};
    if (look.is_hopeless) return GiveUp{};
    if (!is_released_if_absent()) return Send{};
    Release release{NotSent{"it has not arrived"}};
    release.is_tried_again = look.is_aside;  // else not before the grace is over
    return release;
  }

  Step operator()(const homeserver::MayNotLook&) const {
    if (!was_quiet() || has_just_stalled()) return TryLater{"its owner may not look for it"};
    if (look.is_hopeless) return GiveUp{};
    Send send;
    send.may_have_arrived = true;
    return send;
  }

  Step operator()(const homeserver::CannotTell& cannot_tell) const {
    if (look.is_hopeless && was_quiet()) return GiveUp{};
    state.note_not_asked(now, options);
    return TryLater{cannot_tell.reason};
  }

  Step operator()(const store::Unavailable& unavailable) const { return TryLater{unavailable.reason}; }
};

}  // namespace

void AttemptState::note_unclear(async::Steady now, const Options& options, bool may_be_queued_) {
  quiet_from = now + options.quiet_time;
  may_be_queued = may_be_queued_;
  is_flushed = false;
  unanswered = now;
  has_stalled = false;
}

bool AttemptState::note_stalled(async::Steady now, const Options& options) {
  if (std::exchange(has_stalled, true)) return false;
  quiet_from = std::max(quiet_from, now + options.quiet_time);
  return true;
}

void AttemptState::note_not_asked(async::Steady now, const Options& options) {
  quiet_from = std::max(quiet_from, now + options.quiet_time);
  is_flushed = false;
  unanswered = now;
  has_stalled = false;
}

bool AttemptState::is_quiet(async::Steady now, const Options& options) const {
  if (may_be_queued && now - unanswered < options.queue_time) return false;
  return now >= quiet_from;
}

Step after_no_claim(const store::ClaimAnswer& answer, bool on_request, Timestamp due, Timestamp now,
                    const Options& options) {
  if (std::holds_alternative<store::NotFound>(answer)) return Leave{store::NotFound{}};
  if (std::holds_alternative<store::Behind>(answer)) return PutBack{pause_behind_another};
  const auto& met = std::get<store::ActionResult>(answer);
  Leave leave{met.effect};
  if (on_request && met.effect == domain::Effect::already)
    leave.answer = domain::Effect::wait;  // and then the event_id
  if (!on_request && met.effect == domain::Effect::wait) {
    const bool was_restarted = met.timing.due() > due;  // else it is being sent
    leave.timer = was_restarted ? met.timing.due() : now + options.ask_again_after;
  }
  return leave;
}

Step after_send(AttemptState& state, const Send& send, const homeserver::SendAnswer& answer, async::Steady now,
                const Options& options) {
  return std::visit(AfterSend{state, send, now, options}, answer);
}

Step after_look(AttemptState& state, const Look& look, const Found& found, async::Steady now, const Options& options) {
  return std::visit(AfterLook{state, look, now, options}, found);
}

Step after_flush(AttemptState& state, homeserver::Flush flush, async::Steady now, const Options& options) {
  if (flush == homeserver::Flush::not_done) return TryLater{"the homeserver's queue stands still"};
  state.is_flushed = true;
  if (flush != homeserver::Flush::shown) state.quiet_from = now + options.flush_time;
  return TryLater{"it may come out of the homeserver's queue"};
}

domain::Attempt attempt_of(const domain::DelayedEvent& event) {
  domain::Attempt attempt = event.attempt.value();
  if (event.event->origin_server_ts) attempt.origin_server_ts = *event.event->origin_server_ts;
  return attempt;
}

}  // namespace afterword::delivery
