#include "delivery/tries.h"

#include "base/json.h"

#include <utility>
#include <vector>

namespace afterword::delivery {

using domain::DelayedEvent;
using domain::EventId;

namespace {

constexpr int too_many_requests = 429;
// By then a homeserver that is being stopped takes no requests any more.
constexpr std::chrono::seconds second_thoughts{1};

Release absent() {
  Release release{NotSent{"it has not arrived"}};
  release.was_looked_for = true;
  return release;
}

Release hopeless() {
  Release release{NotSent{"nobody can tell whether it has arrived"}};
  release.is_hopeless = true;
  return release;
}

// Room and type are whatever a client wrote.
std::string quoted(const std::string& text) { return to_text(json::value(text)); }

void log_failure(const Recorded& what, const domain::HomeserverError& error) {
  const auto body = parse_json_object(error.body);
  const std::string errcode = body ? string_member(*body, "errcode").value_or("") : "";
  log::warn("A delayed event failed: {} in {}: {} {}", quoted(what.type), quoted(what.room_id.value), error.status,
            quoted(errcode));
}

Try first_try(const DelayedEvent& event, bool may_have_arrived) {
  return {attempt_of(event).on_request, event.event.device_id.has_value(), false, may_have_arrived};
}

}  // namespace

Task<NextStep> Tries::try_to_send(DelayedEvent event, domain::DelayId transaction, bool may_have_arrived) {
  const domain::Attempt attempt = attempt_of(event);
  Try tried = first_try(event, may_have_arrived);
  while (true) {
    if (!context_.store.may_send(event.delay_id)) {
      // It is another instance's, which will give it an outcome, or ours again once the lease is renewed.
      attempts_.note_unclear(event.delay_id, context_.clock.steady_now());
      co_return TryAgain{"the lease on it has run out"};
    }
    const homeserver::SendAnswer answer = co_await context_.homeserver.send(transaction, event.event, attempt);
    const auto* refused = std::get_if<homeserver::Refused>(&answer);
    if (refused != nullptr && refused->errcode == "M_USER_DEACTIVATED") {
      // Nobody is left to take back what else the account has scheduled. What the store cannot do now comes up again
      // with the next of them.
      const Timestamp now = context_.clock.now();
      co_await context_.store.cancel_all(event.event.user_id, now);
    }
    NextStep step = next_step(tried, answer);
    if (const auto* unclear = std::get_if<homeserver::Unclear>(&answer)) {
      attempts_.note_unclear(event.delay_id, context_.clock.steady_now(), unclear->may_be_queued);
      way_.doubt(event.event.user_id, unclear->reason);
    } else if (const auto* not_arrived = std::get_if<homeserver::NotArrived>(&answer)) {
      way_.doubt(event.event.user_id, not_arrived->reason);
    } else {
      way_.heard();
    }
    if (std::holds_alternative<SendSoon>(step)) {
      co_await context_.clock.sleep_for(second_thoughts);
      tried.is_second = true;
      const auto not_prepared = co_await context_.homeserver.prepare(event.delay_id);
      if (not_prepared) co_return next_step(tried, *not_prepared);
    } else if (std::holds_alternative<SendWithoutDevice>(step)) {
      event.event.device_id.reset();
      tried.with_device = false;
    } else {
      co_return step;
    }
  }
}

// Two by time follow each other in their room. Only one on request may have a twin that is under way beside it.
std::optional<homeserver::Refused> Tries::limit(const domain::UserId& owner) {
  if (!owner_limit_) return std::nullopt;
  const auto wait = owner_limit_->take(owner, context_.clock.steady_now());
  if (!wait) return std::nullopt;
  const std::string errcode = "M_LIMIT_EXCEEDED";
  const json::object body{
      {"errcode", errcode}, {"error", "Too many of your delayed events at once"}, {"retry_after_ms", wait->count()}};
  return homeserver::Refused{{too_many_requests, to_text(body)}, errcode, wait};
}

Task<NextStep> Tries::first(DelayedEvent event, bool was_tried, bool is_aside) {
  if (!was_tried) {
    const auto limited = limit(event.event.user_id);
    if (limited) co_return next_step(first_try(event, false), *limited);
  }
  if (attempt_of(event).on_request || is_aside) co_return co_await send_beside_twins(std::move(event), false);
  const domain::DelayId transaction = event.delay_id;
  co_return co_await try_to_send(std::move(event), transaction, false);
}

Task<NextStep> Tries::send_again(DelayedEvent event, bool may_have_arrived) {
  const auto not_prepared = co_await context_.homeserver.prepare(event.delay_id);
  if (not_prepared) co_return next_step(first_try(event, may_have_arrived), *not_prepared);
  co_return co_await send_beside_twins(std::move(event), may_have_arrived);
}

// Where the homeserver shows no transactions, an event may have been taken for the one of a twin, the same at the same
// millisecond. Then the twin's transaction was never used, and makes the event that is missing: once nothing of it can
// be on its way any more.
Task<NextStep> Tries::send_beside_twins(DelayedEvent event, bool may_have_arrived) {
  const domain::DelayId transaction = attempts_.transaction_of(event.delay_id);
  NextStep step = co_await try_to_send(event, transaction, may_have_arrived);
  const auto* finalise = std::get_if<Finalise>(&step);
  const auto* sent = finalise == nullptr ? nullptr : std::get_if<EventId>(&finalise->outcome);
  if (sent == nullptr || event.event.kind != domain::EventKind::message) co_return step;
  const auto twin = co_await take(event, *sent);
  if (!twin) {
    attempts_.note_unclear(event.delay_id, context_.clock.steady_now());
    co_return TryAgain{twin.error().reason};
  }
  if (!*twin || **twin == transaction) co_return step;
  attempts_.exchange(event.delay_id, **twin, context_.clock.steady_now());
  co_return TryAgain{"its event was taken for another's"};
}

// Takes an event of the room for this one, unless another delayed event has it: then that one.
Task<store::StoreResult<std::optional<domain::DelayId>>> Tries::take(DelayedEvent event, EventId event_id) {
  if (const auto other = attempts_.take(event.delay_id, event_id)) co_return other;
  const std::vector<EventId> event_ids{event_id};
  const auto recorded = co_await context_.store.find_sent(event.event.user_id, event_ids);
  if (recorded && recorded->empty()) co_return std::nullopt;
  attempts_.give_back(event.delay_id);
  if (!recorded) co_return recorded.error();
  co_return recorded->front().delay_id;
}

Task<NextStep> Tries::resolve(DelayedEvent event, IfAbsent if_absent) {
  const domain::Attempt attempt = attempt_of(event);
  // A look that began earlier could have missed what was still on its way: a homeserver that has hung goes on with it
  // when it is there again.
  const async::Steady began = context_.clock.steady_now();
  const bool is_awake = began - way_.open_since() >= context_.options.quiet_time;
  const bool is_quiet = is_awake && attempts_.is_quiet(event.delay_id, began);
  const homeserver::LookAnswer look = co_await context_.homeserver.look_for(event.delay_id, event.event, attempt);
  if (const auto* cannot = std::get_if<homeserver::CannotTell>(&look)) {
    if (if_absent.is_hopeless && is_quiet) co_return hopeless();
    way_.doubt(event.event.user_id, cannot->reason);
    attempts_.note_not_asked(event.delay_id, context_.clock.steady_now());
    co_return TryAgain{cannot->reason};
  }
  way_.heard();
  if (std::holds_alternative<homeserver::MayNotLook>(look)) {
    if (!is_quiet) co_return TryAgain{"its owner may not look for it"};
    if (if_absent.is_hopeless) co_return hopeless();
    co_return co_await send_again(std::move(event), true);
  }

  const auto& found = std::get<homeserver::Candidates>(look);
  for (const EventId& candidate : found.events) {
    const auto other = co_await take(event, candidate);
    if (!other) co_return TryAgain{other.error().reason};
    if (!*other) co_return Finalise{candidate};
  }
  // Where twins' events alone are shown, nobody has asked.
  const bool only_twins = !found.events.empty() && event.event.kind == domain::EventKind::message;
  if (found.may_be_queued || only_twins) attempts_.note_may_be_queued(event.delay_id);
  if (!is_quiet || !attempts_.is_quiet(event.delay_id, context_.clock.steady_now())) {
    co_return TryAgain{"it is not in its room; it may still be on its way there"};
  }
  if (attempts_.is_to_be_flushed(event.delay_id)) {
    const homeserver::Flush flush = co_await context_.homeserver.flush_queue(event.event);
    const bool flushed = flush != homeserver::Flush::not_done;
    if (flushed) attempts_.note_flushed(event.delay_id, context_.clock.steady_now(), flush);
    co_return TryAgain{flushed ? "it may come out of the homeserver's queue" : "the homeserver's queue stands still"};
  }
  if (if_absent.release) co_return absent();
  co_return co_await send_again(std::move(event), false);
}

Task<store::StoreResult<std::optional<DelayedEvent>>> Tries::look_up(domain::DelayId delay_id) {
  auto look_up = [this, delay_id] { return context_.store.look_up(delay_id, std::nullopt); };
  auto found = co_await gate_.pass(look_up);
  if (found && *found && (*found)->state != domain::State::sending) found = std::nullopt;
  if (found && !*found) attempts_.end(delay_id, domain::Effect::wait);
  co_return found;
}

Task<void> Tries::record(Recorded what, Finalise finalise) {
  const domain::DelayId delay_id = what.delay_id;
  const auto* const error = std::get_if<domain::HomeserverError>(&finalise.outcome);
  if (error != nullptr) log_failure(what, *error);
  const domain::Finalised finalised{context_.clock.now(), std::move(finalise.outcome)};
  auto verb = [this, delay_id, &finalised] { return context_.store.finalise(delay_id, finalised); };
  co_await context_.insist([this, &verb] { return gate_.pass(verb); });
  attempts_.end(delay_id, domain::Effect::perform);
}

Task<void> Tries::record(domain::DelayId delay_id, Release release) {
  auto verb = [this, delay_id] { return context_.store.release(delay_id); };
  co_await context_.insist([this, &verb] { return gate_.pass(verb); });
  attempts_.end(delay_id, std::move(release.answer));
}

}  // namespace afterword::delivery
