#include "delivery/attempt.h"

#include "base/json.h"
#include "base/overloaded.h"
#include "delivery/attempt_rules.h"
#include "delivery/event_log.h"
#include "domain/errcode.h"
#include "http/message.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace afterword::delivery {
namespace {

using domain::DelayedEvent;
using domain::DelayId;
using domain::Effect;
using domain::EventId;

// While the store is not available, an attempt waits before it reads its event as it would after so many failures. That
// is the longest pause, because there may be many such attempts.
constexpr unsigned store_failures = 2;

std::shared_ptr<const domain::EventToSend> without_device(domain::EventToSend event) {
  event.device_id.reset();
  return std::make_shared<const domain::EventToSend>(std::move(event));
}

// Its steps are its functions, in the order of attempt.h.
class Attempt {
 public:
  Attempt(AttemptParts& parts, Lane lane, QueuedEvent event)
      : parts_(parts),
        room_id_(std::move(lane.room_id)),
        owner_(std::move(event.owner)),
        delay_id_(event.delay_id),
        due_(event.due),
        queued_due_(std::min(due_, now())),
        transaction_(delay_id_) {}
  Attempt(AttemptParts& parts, store::ActiveEvent event)
      : Attempt(parts, Lane{std::move(event.room_id)},
                QueuedEvent{event.timing.due(), event.delay_id, std::move(event.user_id)}) {}

  void hold(RoomTurn turn) {
    turn_.emplace(std::move(turn));
    began_ = steady_now();
  }
  void answer_to(std::optional<domain::UserId> caller, Reply reply, RequestPlaces::Place place) {
    place_.emplace(std::move(place));
    began_ = steady_now();
    state_.on_request = true;
    caller_ = std::move(caller);
    reply_ = std::move(reply);
  }
  void continue_unclear(Attempts::UnderWay under_way) {
    under_way_ = std::move(under_way);
    note_doubt("the instance that was sending it has ended");
    state_.note_unclear(steady_now(), options());
  }

  void note_doubt(std::string reason) {
    if (!in_doubt_) in_doubt_.emplace(parts_.context.in_doubt, delay_id_, due_);
    in_doubt_->set_reason(std::move(reason));
  }

  // One step after the other, until its outcome is recorded. Its turn and its place among the attempts under way are
  // held by this object, so that they are given back whatever happens.
  Task<void> run(Step step) {
    while (!std::holds_alternative<Over>(step)) {
      auto performing = perform(std::move(step));
      auto next = co_await parts_.context.catch_errors("sending a delayed event", std::move(performing));
      if (!next && parts_.context.is_stopping()) break;
      step = next ? std::move(*next) : after_error();
    }
    answer(NotSent{"the homeserver has given no clear answer yet"});
  }

 private:
  void answer(SendNowAnswer answer) {
    if (const Reply reply = std::exchange(reply_, nullptr)) reply->give(std::move(answer));
  }

  Task<Step> perform(Step step) {
    const Overloaded performing{
        [this](Claim) { return claim(); },
        [this](Send send) { return this->send(send); },
        [this](TryLater later) { return try_later(std::move(later)); },
        [this](AwaitTurn await) { return await_turn(await.pause); },
        [this](LookFor) { return look_for(); },
        [this](FlushQueue) { return flush_queue(); },
        [this](Finalise end) { return finalise(std::move(end.outcome)); },
        [this](Release release) { return this->release(std::move(release)); },
        [this](GiveUp) { return give_up(); },
        [this](PutBack put_back) { return this->put_back(put_back.pause); },
        [this](Leave leave) { return this->leave(std::move(leave)); },
        [this](Over) { return stay_over(); },
    };
    return std::visit(performing, std::move(step));
  }

  Task<Step> stay_over() { co_return Over{}; }

  // Whatever was under way when it happened, it may have arrived.
  Step after_error() {
    if (!under_way_) return put_back_for(parts_.retries.backoff);
    state_.note_unclear(steady_now(), options());
    return TryLater{"of an error"};
  }

  // The homeserver is prepared first: killed in between, we must be able to tell that it was not sent.
  Task<Step> claim() {
    const auto not_prepared = co_await parts_.homeserver.prepare(delay_id_);
    if (not_prepared) {
      parts_.health.suspect(owner_, not_prepared->reason);
      if (!turn_) co_return Leave{NotSent{not_prepared->reason}};
      co_return put_back_for(parts_.retries.backoff);
    }
    if (turn_ && !parts_.dispatcher.may_go(*turn_)) co_return PutBack{};
    const AdoptionLock::Held shared = co_await parts_.adoption_lock.shared();
    under_way_ = parts_.attempts.begin(delay_id_);
    if (!under_way_) co_return Leave{Effect::wait, now() + options().ask_again_after};

    // A claim by time is for the due time by which the event was queued. One that was restarted since has its place
    // behind others, even if it is due again by now.
    const Timestamp due = state_.on_request ? now() : due_;
    const domain::Attempt attempt{parts_.context.clock.to_wall(due), state_.on_request};
    auto claimed = co_await parts_.store.claim(delay_id_, caller_, attempt, due);
    parts_.store_retry.note_result(claimed);
    auto* const event = claimed ? std::get_if<DelayedEvent>(&*claimed) : nullptr;
    if (event == nullptr) {
      under_way_.reset();
      if (!claimed) co_return turn_ ? put_back_for(parts_.store_retry.backoff) : Leave{claimed.error()};
      Step step = after_no_claim(*claimed, state_.on_request, due_, now(), options());
      if (turn_ && std::holds_alternative<Leave>(step)) parts_.retries.forget(delay_id_, steady_now());
      co_return step;
    }
    set_event(std::move(*event));
    Send first;
    first.prepare = false;
    first.is_counted = state_.on_request || parts_.retries.find(delay_id_, due_) == nullptr;
    co_return first;
  }

  void set_event(DelayedEvent event) {
    due_ = event.timing.due();
    state_.on_request = attempt_of(event).on_request;
    state_.has_device = event.event->device_id.has_value();
    event_.emplace(std::move(event));
  }

  Task<Step> send(Send send) {
    if (send.pause > Milliseconds(0)) co_await parts_.context.clock.sleep_for(send.pause);
    if (holds_up_for_too_long()) make_way(send);
    homeserver::SendAnswer answer = co_await ask_to_send(send);
    const auto* const sent = std::get_if<homeserver::Sent>(&answer);
    if (sent != nullptr && event_->event->kind == domain::EventKind::message) {
      EventId event_id = sent->event_id;
      answer = co_await unless_it_is_a_twins(std::move(event_id));
    }
    co_return after_send(state_, send, answer, steady_now(), options());
  }

  // Its room goes on soon, and the answer is still waited for beside it, because what was not answered may be in a
  // queue of the homeserver. Where too many are waited for already, the answer is given up.
  void make_way(Send& send) {
    const bool waits_beside_room = parts_.dispatcher.wait_beside_room(*turn_, options().short_send_timeout);
    if (!waits_beside_room) send.shortened_by = options().send_timeout - options().short_send_timeout;
  }

  Task<homeserver::SendAnswer> ask_to_send(Send send) {
    if (send.is_counted) {
      auto limited = limit();
      if (limited) co_return std::move(*limited);
    }
    if (send.prepare) {
      auto not_prepared = co_await parts_.homeserver.prepare(delay_id_);
      if (not_prepared) {
        parts_.health.suspect(owner_, not_prepared->reason);
        co_return std::move(*not_prepared);
      }
    }
    // If we may not, another instance has it, which will give it an outcome, or it is ours again with a renewed lease.
    if (!parts_.store.may_send(delay_id_)) co_return homeserver::Unclear{"the lease on it has run out"};

    const domain::Attempt attempt = attempt_of(*event_);
    if (!send.with_device) event_->event = without_device(*event_->event);
    const Milliseconds time_limit = options().send_timeout - send.shortened_by;
    homeserver::SendAnswer answer = co_await parts_.homeserver.send(transaction_, *event_->event, attempt, time_limit);
    const auto* const unclear = std::get_if<homeserver::Unclear>(&answer);
    const auto* const not_arrived = std::get_if<homeserver::NotArrived>(&answer);
    if (unclear != nullptr || not_arrived != nullptr) {
      parts_.health.suspect(owner_, unclear != nullptr ? unclear->reason : not_arrived->reason);
    } else {
      parts_.health.note_answer();
    }
    const auto* const refused = std::get_if<homeserver::Refused>(&answer);
    if (refused != nullptr && refused->errcode == "M_USER_DEACTIVATED") {
      // Nobody is left who could cancel what else the account has scheduled. If the store cannot do it now, it is tried
      // again when the next of these events is refused.
      co_await parts_.store.cancel_all(owner_, now());
    }
    co_return answer;
  }

  std::optional<homeserver::Refused> limit() {
    if (!parts_.owner_limit) return std::nullopt;
    const auto wait = parts_.owner_limit->take(owner_, steady_now());
    if (!wait) return std::nullopt;
    ++parts_.context.counts.over_owner_limit;
    const std::string errcode = "M_LIMIT_EXCEEDED";
    const json::object body{
        {"errcode", errcode}, {"error", "Too many of your delayed events at once"}, {"retry_after_ms", wait->count()}};
    return homeserver::Refused{{http::too_many_requests, to_text(body)}, errcode, wait};
  }

  // Two delayed events are twins if they are the same to the millisecond. Where the homeserver shows no transactions, a
  // look may have taken the event that this one has made for its twin's: in this attempt, or in one before that was
  // released. Then the transaction of the twin was never used, and this one goes on with it: it makes the event that is
  // missing, once nothing can be on its way any more.
  Task<homeserver::SendAnswer> unless_it_is_a_twins(EventId event_id) {
    auto take = [this, &event_id] { return take_event(event_id); };
    const auto twin = co_await parts_.store_retry.until_available(take);
    if (!*twin || **twin == transaction_) co_return homeserver::Sent{event_id};
    transaction_ = **twin;
    co_return homeserver::Unclear{"its event was taken for another's"};
  }

  // Takes an event of the room for this one's. If another delayed event has it, answers that one and takes nothing.
  Task<store::StoreResult<std::optional<DelayId>>> take_event(EventId event_id) {
    if (const auto other = parts_.attempts.take_event(delay_id_, event_id)) co_return other;
    const std::vector<EventId> event_ids{event_id};
    const auto recorded = co_await parts_.store.find_sent(owner_, event_ids);
    if (recorded && recorded->empty()) co_return std::nullopt;
    parts_.attempts.give_back_event(delay_id_);
    if (!recorded) co_return recorded.error();
    co_return recorded->front().delay_id;
  }

  Task<Step> try_later(TryLater later) {
    log_event(log::level::warn, "sending a delayed event has no clear outcome yet", delay_id_,
              {{"room", room_id_.value}, {"reason", later.reason}});
    note_doubt(later.reason);
    note_failure(later.error);
    const bool may_have_arrived = true;
    co_return AwaitTurn{pause_of_retry(may_have_arrived, Milliseconds(0))};
  }

  // In an outage all wait together: a failure counts against no event, and no event has a pause of its own.
  const Retry* note_failure(const std::optional<domain::HomeserverError>& error) {
    ++parts_.context.counts.tried_again;
    if (parts_.health.in_outage()) return nullptr;
    const async::Steady outage_end = parts_.health.outage_end();
    return &parts_.retries.note_failure(delay_id_, room_id_, due_, error, began_, steady_now(), outage_end);
  }

  Milliseconds pause_of_retry(bool may_have_arrived, Milliseconds at_least) {
    if (parts_.health.in_outage()) return Milliseconds(0);
    return parts_.retries.set_aside_or_wait(delay_id_, due_, may_have_arrived, at_least);
  }

  bool is_hopeless(const Retry* retry) const {
    return retry != nullptr && retry->is_hopeless(now(), steady_now(), parts_.health.outage_end(), options());
  }

  Task<Step> await_turn(Milliseconds pause) {
    event_.reset();
    if (turn_) turn_->finish();
    turn_.reset();
    place_.reset();
    const QueuedEvent queued{queued_due_, delay_id_, owner_, true};
    auto next = co_await parts_.dispatcher.next_turn(lane(), queued, pause);
    if (!next) co_return Over{};  // we are stopping
    hold(std::move(*next));

    auto look_up = [this] { return parts_.store.look_up(delay_id_, std::nullopt); };
    auto found = co_await parts_.adoption_lock.while_shared(look_up);
    if (!parts_.store_retry.note_result(found)) co_return AwaitTurn{parts_.store_retry.backoff.after(store_failures)};
    if (!*found || (*found)->state != domain::State::sending) {
      log_event(log::level::warn, "an attempt to send a delayed event has ended without us", delay_id_);
      co_return Leave{Effect::wait, due_};  // to see what has become of it
    }
    set_event(std::move(**found));
    co_return LookFor{};
  }

  Look begin_look() const {
    return {.begin = steady_now(),
            .outage_end = parts_.health.outage_end(),
            .is_hopeless = is_hopeless(parts_.retries.find(delay_id_, due_)),
            .is_aside = parts_.retries.is_aside(delay_id_, due_),
            .is_in_grace = parts_.grace.holds(event_->timing, now()),
            .has_exchanged = transaction_ != delay_id_};
  }

  Task<Step> look_for() {
    const Look look = begin_look();
    const domain::Attempt attempt = attempt_of(*event_);
    homeserver::LookAnswer answer = co_await parts_.homeserver.look_for(delay_id_, *event_->event, attempt);
    if (const auto* const cannot_tell = std::get_if<homeserver::CannotTell>(&answer)) {
      parts_.health.suspect(owner_, cannot_tell->reason);
    } else {
      parts_.health.note_answer();
    }
    const Found found = co_await find_own(std::move(answer));
    co_return after_look(state_, look, found, steady_now(), options());
  }

  Task<Found> find_own(homeserver::LookAnswer look) {
    if (std::holds_alternative<homeserver::MayNotLook>(look)) co_return homeserver::MayNotLook{};
    if (auto* const cannot_tell = std::get_if<homeserver::CannotTell>(&look)) co_return std::move(*cannot_tell);
    const auto& candidates = std::get<homeserver::Candidates>(look);
    for (const EventId& candidate : candidates.events) {
      const auto other = co_await take_event(candidate);
      if (!other) co_return other.error();
      if (!*other) co_return candidate;
    }
    const bool has_twins = !candidates.events.empty() && event_->event->kind == domain::EventKind::message;
    co_return NotThere{candidates.may_be_queued, has_twins};
  }

  Task<Step> flush_queue() {
    const homeserver::Flush flush = co_await parts_.homeserver.flush_queue(*event_->event);
    co_return after_flush(state_, flush, steady_now(), options());
  }

  Task<Step> finalise(domain::Outcome outcome) {
    count(outcome);
    const domain::Finalised finalised{now(), std::move(outcome)};
    auto record = [this, &finalised] { return parts_.store.finalise(delay_id_, finalised); };
    auto record_once = [this, &record] { return parts_.adoption_lock.while_shared(record); };
    const async::Steady ended = steady_now();
    co_await parts_.store_retry.until_available(record_once);
    parts_.retries.forget(delay_id_, ended);
    if (const auto* const event_id = std::get_if<EventId>(&finalised.outcome)) co_return Leave{Sent{*event_id}};
    co_return Leave{std::get<domain::HomeserverError>(finalised.outcome)};
  }

  void count(const domain::Outcome& outcome) {
    Counts& counts = parts_.context.counts;
    if (const auto* const error = std::get_if<domain::HomeserverError>(&outcome)) {
      const std::string errcode = errcode_of(*error);
      ++counts.failed[class_of(errcode)];
      log_event(
          log::level::warn, "a delayed event failed", delay_id_,
          {{"room", room_id_.value}, {"type", event_->event->type}, {"status", error->status}, {"errcode", errcode}});
      return;
    }
    ++counts.sent;
    const Milliseconds late = now() - due_;
    log_event(log::level::debug, "a delayed event is sent", delay_id_, {{"late_ms", late.count()}});
    if (!state_.on_request) counts.lateness_seconds.add(std::chrono::duration<double>(late).count());
  }

  Task<Step> release(Release release) {
    if (release.is_tried_again && is_hopeless(note_failure(release.error))) co_return GiveUp{};

    auto record = [this] { return parts_.store.release(delay_id_); };
    auto record_once = [this, &record] { return parts_.adoption_lock.while_shared(record); };
    co_await parts_.store_retry.until_available(record_once);
    if (state_.on_request) parts_.retries.forget(delay_id_, steady_now());
    // Its timer may have fired meanwhile.
    if (!release.is_tried_again) co_return Leave{std::move(release.answer), due_};

    under_way_.reset();
    const bool may_have_arrived = false;
    const Milliseconds pause = pause_of_retry(may_have_arrived, release.retry_after);
    turn_->finish();
    parts_.dispatcher.queue(lane(), {queued_due_, delay_id_, owner_}, pause);
    co_return Over{};
  }

  Task<Step> give_up() {
    ++parts_.context.counts.given_up;
    log_event(log::level::warn,
              "a delayed event is given up: the homeserver is reachable, but has not let it through for a day",
              delay_id_, {{"room", room_id_.value}});
    co_return Finalise{final_error(parts_.retries.find(delay_id_, due_))};
  }

  Task<Step> put_back(Milliseconds pause) {
    if (turn_) parts_.dispatcher.put_back(std::move(*turn_), pause);
    co_return Over{};
  }

  Task<Step> leave(Leave leave) {
    under_way_.reset();
    answer(std::move(leave.answer));
    if (turn_) turn_->finish();
    if (leave.timer) parts_.due_events.set_timer(*leave.timer, delay_id_);
    co_return Over{};
  }

  Step put_back_for(Backoff& backoff) const { return PutBack{backoff.after(turn_ ? turn_->failures() : 1)}; }

  const Options& options() const { return parts_.context.options; }
  Timestamp now() const { return parts_.context.clock.now(); }
  async::Steady steady_now() const { return parts_.context.clock.steady_now(); }
  Lane lane() const { return lane_of(parts_.retries, room_id_, delay_id_, due_); }
  bool holds_up_for_too_long() const {
    return turn_ && !turn_->lane().beside &&
           parts_.retries.has_waited_enough(room_id_, steady_now(), parts_.health.outage_end());
  }

  AttemptParts& parts_;
  const domain::RoomId room_id_;
  const domain::UserId owner_;
  const DelayId delay_id_;
  Timestamp due_;
  const Timestamp queued_due_;  // on request it waits for no timer

  std::optional<RoomTurn> turn_;               // while it has one
  async::Steady began_{};                      // when it got its last turn; on request, its beginning
  std::optional<RequestPlaces::Place> place_;  // on request, until it waits for a turn
  std::optional<domain::UserId> caller_;
  Reply reply_;                   // none where nobody has asked
  Attempts::UnderWay under_way_;  // from its claim on
  std::optional<Doubt> in_doubt_;
  AttemptState state_;
  std::optional<DelayedEvent> event_;  // while it has its turn
  DelayId transaction_;                // its own, or that of a twin with which it has exchanged
};

}  // namespace

Task<void> send_at_its_time(AttemptParts& parts, RoomTurn turn) {
  Attempt attempt(parts, turn.lane(), turn.event());
  attempt.hold(std::move(turn));
  co_await attempt.run(Claim());
}

Task<void> send_on_request(AttemptParts& parts, store::ActiveEvent event, std::optional<domain::UserId> caller,
                           Reply reply) {
  const async::Steady give_up = parts.context.clock.steady_now() + parts.context.options.longest_wait;
  auto place = co_await parts.request_places.take_place(event.user_id, give_up);
  if (!place) {
    reply->give(NotSent{"too many are being sent on request"});
    co_return;
  }
  Attempt attempt(parts, std::move(event));
  attempt.answer_to(std::move(caller), std::move(reply), *std::move(place));
  co_await attempt.run(Claim());
}

Task<void> continue_attempt(AttemptParts& parts, Attempts::UnderWay under_way, store::ActiveEvent event) {
  Attempt attempt(parts, std::move(event));
  attempt.continue_unclear(std::move(under_way));
  co_await attempt.run(AwaitTurn());
}

Lane lane_of(const Retries& retries, domain::RoomId room_id, DelayId delay_id, Timestamp due) {
  Lane lane{std::move(room_id)};
  if (retries.is_aside(delay_id, due)) lane.beside = delay_id;
  return lane;
}

}  // namespace afterword::delivery
