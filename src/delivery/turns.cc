#include "delivery/turns.h"

#include "delivery/give_back.h"

#include <algorithm>
#include <utility>

namespace afterword::delivery {
namespace {

using domain::DelayedEvent;
using domain::DelayId;
using domain::Effect;

// How soon the timer of an event that is being sent looks again.
constexpr std::chrono::seconds look_again_time{1};
// While another instance sends an earlier event of the room.
constexpr std::chrono::milliseconds pause_behind{100};

}  // namespace

Task<void> Turns::look_at(std::vector<Timer> fired) {
  looking_at_ = fired.front().when;
  const GiveBack looked([this] { looking_at_.reset(); });
  std::vector<DelayId> ids;
  ids.reserve(fired.size());
  for (const Timer& timer : fired) ids.push_back(timer.delay_id);
  auto look = [this, &ids] { return context_.store.look(ids); };
  const auto found = co_await context_.insist(look);

  const Timestamp now = context_.clock.now();
  for (const store::Look& event : *found) {
    const Timestamp due = event.timing.due();
    if (event.state == domain::State::sending) {
      alarm_.set(now + look_again_time, event.delay_id);
    } else if (due > now) {
      alarm_.set(due, event.delay_id);
    } else if (context_.grace.holds(event.timing, now)) {
      const Timer timer{due, event.delay_id};
      alarm_.hold(context_.grace.end_for(event.timing), timer);
    } else {
      Lane lane{event.room_id};
      if (troubles_.is_aside(event.delay_id, due)) lane.aside = event.delay_id;
      rooms_.push(lane, {due, event.delay_id, event.user_id});
    }
  }
  looking_at_.reset();
  dispatch();
}

// One on request, which is due later, waits for no timer.
void Turns::take_over(const domain::RoomId& room_id, const domain::UserId& owner, Timestamp due, DelayId delay_id) {
  const Lane lane{room_id};
  rooms_.push(lane, {std::min(due, context_.clock.now()), delay_id, owner, true});
}

void Turns::look_again() {
  for (const QueuedEvent& event : rooms_.take_fresh()) alarm_.set(event.due, event.delay_id);
}

// All that is due before is queued. What is due later may have to go behind something that its timer has yet to bring.
Timestamp Turns::queued_until() const {
  const auto earliest = alarm_.earliest().value_or(Timestamp::max());
  return std::min(earliest, looking_at_.value_or(earliest));
}

void Turns::dispatch() {
  if (dispatching_) return;  // called by a turn that was over at once; the loop below goes on
  dispatching_ = true;
  const GiveBack dispatched([this] { dispatching_ = false; });
  while (!context_.stopping && !way_.is_closed() && !gate_.is_closed()) {
    const bool fresh = dispatch(TurnKind::fresh);
    const bool retry = dispatch(TurnKind::retry);
    if (!fresh && !retry) break;
  }
}

bool Turns::dispatch(TurnKind kind) {
  std::optional<Turn> turn = rooms_.take(kind, queued_until());
  if (!turn) return false;
  HeldTurn held(rooms_, std::move(*turn));
  context_.tries.spawn("sending a delayed event", take(std::move(held)));
  return true;
}

// Whatever happens in it, the event keeps its place, and the turn ends.
Task<void> Turns::take(HeldTurn turn) {
  auto going = go(turn);
  const bool went = co_await context_.go_on_after_errors("sending a delayed event", std::move(going));
  if (!went) put_back_after_error(turn);
  turn.put_back();
  dispatch();
}

void Turns::put_back_after_error(HeldTurn& turn) {
  if (!turn.is_held()) return;
  const DelayId delay_id = turn.event().delay_id;
  const Lane lane = turn.lane();
  const bool under_way = attempts_.contains(delay_id);
  if (under_way) attempts_.note_unclear(delay_id, context_.clock.steady_now());
  turn.put_back(under_way);
  if (const auto pauses = rooms_.pause(lane)) pause(lane, context_.delay_after(*pauses));
}

Task<void> Turns::go(HeldTurn& turn) {
  auto taking = turn.event().under_way ? take_up(turn) : claim(turn);
  std::optional<DelayedEvent> event = co_await std::move(taking);
  if (event) co_await attempt(turn, std::move(*event));
}

// The event, if it is to be sent now; else its turn is over.
Task<std::optional<DelayedEvent>> Turns::claim(HeldTurn& turn) {
  const Timestamp due = turn.event().due;
  const DelayId delay_id = turn.event().delay_id;
  const auto not_prepared = co_await context_.homeserver.prepare(delay_id);
  if (not_prepared) {
    way_.doubt(turn.event().owner, not_prepared->reason);
    const Lane lane = turn.lane();
    turn.put_back();
    if (const auto pauses = rooms_.pause(lane)) pause(lane, context_.delay_after(*pauses));
    co_return std::nullopt;
  }

  if (attempts_.contains(delay_id)) {  // on request
    turn.end();
    alarm_.set(context_.clock.now() + look_again_time, delay_id);
    co_return std::nullopt;
  }

  // Since it has its turn, events that go first may have been adopted, or are being adopted; or the homeserver has
  // become unreachable.
  if (gate_.is_closed() || way_.is_closed() || due > queued_until() || !rooms_.is_first(turn.lane(), turn.event())) {
    turn.put_back();
    co_return std::nullopt;
  }

  attempts_.begin(delay_id);
  // Only if it is due when its queue says: one that was restarted since has its place behind others, even if it is due.
  const domain::Attempt attempt{context_.clock.to_wall(due), false};
  AttemptGate::Passing passing = co_await gate_.enter();
  auto claimed = co_await context_.store.claim(delay_id, std::nullopt, attempt, due);
  passing.leave();
  if (claimed && std::holds_alternative<DelayedEvent>(*claimed)) co_return std::get<DelayedEvent>(std::move(*claimed));

  attempts_.end(delay_id, Effect::wait);
  if (!context_.heard(claimed)) {
    ask_again_soon(turn);
    co_return std::nullopt;
  }
  const Lane lane = turn.lane();
  if (std::holds_alternative<store::Behind>(*claimed)) {
    turn.put_back();
    if (rooms_.pause(lane)) pause(lane, pause_behind);
    co_return std::nullopt;
  }
  const domain::UserId owner = turn.event().owner;
  turn.end();
  troubles_.forget(delay_id);
  const auto* met = std::get_if<store::Met>(&*claimed);
  if (met == nullptr || met->effect != Effect::wait) co_return std::nullopt;  // cancelled, or sent already
  const Timestamp due_now = met->timing.due();
  if (due_now <= due) {  // it is being sent
    alarm_.set(context_.clock.now() + look_again_time, delay_id);
  } else if (due_now > context_.clock.now()) {
    alarm_.set(due_now, delay_id);
  } else {
    const Lane room{lane.room_id};
    rooms_.push(room, {due_now, delay_id, owner});
  }
  co_return std::nullopt;
}

// The event of an attempt that is to be continued.
Task<std::optional<DelayedEvent>> Turns::take_up(HeldTurn& turn) {
  const DelayId delay_id = turn.event().delay_id;
  auto found = co_await tries_.look_up(delay_id);
  if (!context_.heard(found)) {
    ask_again_soon(turn);
    co_return std::nullopt;
  }
  if (*found) co_return std::move(*found);

  log::warn("An attempt to send a delayed event has ended without us");
  alarm_.set(turn.event().due, delay_id);  // to see what has become of it
  turn.end();
  co_return std::nullopt;
}

IfAbsent Turns::if_absent(const DelayedEvent& event) const {
  const Timestamp now = context_.clock.now();
  const Timestamp due = event.timing.due();
  const Trouble* const trouble = troubles_.find(event.delay_id, due);
  const bool is_hopeless =
      trouble != nullptr && trouble->is_hopeless(now, context_.clock.steady_now(), context_.options);
  // One on request would have to be asked for again, so it is sent again as long as there is hope.
  const bool by_time = !event.attempt->on_request;
  const bool is_aside = trouble != nullptr && trouble->is_aside;
  const bool may_wait = by_time && (is_aside || context_.grace.holds(event.timing, now));
  return {may_wait || is_hopeless, is_hopeless};
}

Task<void> Turns::attempt(HeldTurn& turn, DelayedEvent event) {
  const DelayId delay_id = event.delay_id;
  const Timestamp due = event.timing.due();
  const bool on_request = event.attempt && event.attempt->on_request;
  std::string type = event.event.type;
  const IfAbsent absent = if_absent(event);
  const bool is_aside = turn.lane().aside.has_value();
  const bool was_tried = troubles_.find(delay_id, due) != nullptr;
  auto trying = turn.event().under_way ? tries_.resolve(std::move(event), absent)
                                       : tries_.first(std::move(event), was_tried, is_aside);
  NextStep step = co_await std::move(trying);

  if (auto* finalise = std::get_if<Finalise>(&step)) {
    Recorded what{delay_id, turn.lane().room_id, std::move(type)};
    co_await tries_.record(std::move(what), std::move(*finalise));
    turn.end();
    troubles_.forget(delay_id);
  } else if (const auto* again = std::get_if<TryAgain>(&step)) {
    log::warn("Sending a delayed event has no clear outcome yet: {}", again->reason);
    wait_for_outcome(turn, due, *again);
  } else if (on_request && !absent.is_hopeless) {
    co_await tries_.record(delay_id, std::get<Release>(std::move(step)));
    turn.end();
    troubles_.forget(delay_id);
    alarm_.set(due, delay_id);  // it may have fired meanwhile
  } else {
    co_await wait_for_way(turn, due, std::move(type), std::get<Release>(std::move(step)));
  }
}

Trouble& Turns::add_trouble(const HeldTurn& turn, Timestamp due, const std::optional<domain::HomeserverError>& answer) {
  Trouble& trouble = troubles_.add(turn.event().delay_id, due, context_.clock.steady_now(), way_.open_since());
  if (answer) trouble.answer = answer;
  return trouble;
}

// It may have arrived: it stays under way, and is looked for.
void Turns::wait_for_outcome(HeldTurn& turn, Timestamp due, const TryAgain& step) {
  if (way_.is_closed()) {
    turn.put_back(true);  // all wait together
    return;
  }
  Trouble& trouble = add_trouble(turn, due, step.error);
  const bool under_way = true;
  wait(turn, trouble, under_way, Milliseconds(0));
}

// It has not arrived: it goes back to scheduled, so that it can be restarted or cancelled, and is tried again.
Task<void> Turns::wait_for_way(HeldTurn& turn, Timestamp due, std::string type, Release release) {
  const DelayId delay_id = turn.event().delay_id;
  const bool is_held = release.was_looked_for && !turn.lane().aside;  // by the grace
  const bool is_tried = !way_.is_closed() && !is_held;
  if (release.is_hopeless || is_tried) {
    const Trouble& trouble = add_trouble(turn, due, release.error);
    const bool is_hopeless = trouble.is_hopeless(context_.clock.now(), context_.clock.steady_now(), context_.options);
    if (release.is_hopeless || is_hopeless) {
      log::warn("A delayed event is given up: the way to the homeserver is open, but has not let it through for a day");
      Recorded what{delay_id, turn.lane().room_id, std::move(type)};
      Finalise finalise{trouble.error()};
      co_await tries_.record(std::move(what), std::move(finalise));
      turn.end();
      troubles_.forget(delay_id);
      co_return;
    }
  }
  const Milliseconds at_least = release.retry_after.value_or(Milliseconds(0));
  co_await tries_.record(delay_id, std::move(release));
  Trouble* const trouble = troubles_.find(delay_id, due);
  const bool under_way = false;
  if (is_held) {
    turn.end();
    alarm_.set(due, delay_id);
  } else if (trouble == nullptr || way_.is_closed()) {
    turn.put_back(under_way);  // all wait together
  } else {
    wait(turn, *trouble, under_way, at_least);
  }
}

// In its room, while that may wait for it, or aside.
void Turns::wait(HeldTurn& turn, Trouble& trouble, bool under_way, Milliseconds at_least) {
  const async::Steady now = context_.clock.steady_now();
  if (trouble.holds_too_long(now, context_.options)) trouble.set_aside(under_way);
  Lane lane{turn.lane().room_id};
  Milliseconds time = context_.delay_after(std::max(trouble.failures, 1U));
  if (!trouble.is_aside) {
    time = std::max(time, std::min(at_least, trouble.hold_left(now, context_.options)));
  } else {
    lane.aside = turn.event().delay_id;
    if (!under_way) {
      const unsigned round = trouble.rounds++;
      time = std::max<Milliseconds>(round == 0 ? Milliseconds(0) : context_.delay_aside(round), at_least);
    }
  }
  turn.move_to(lane, under_way);
  if (rooms_.pause(lane)) pause(lane, time);
}

// The store, which could not.
void Turns::ask_again_soon(HeldTurn& turn) {
  const Lane lane = turn.lane();
  turn.put_back();
  const auto pauses = rooms_.pause(lane);
  if (pauses) pause(lane, context_.delay_after_store(*pauses));
}

void Turns::pause(const domain::RoomId& room_id) {
  const Lane lane{room_id};
  if (const auto pauses = rooms_.pause(lane)) pause(lane, context_.delay_after(*pauses));
}

void Turns::pause(const Lane& lane, Milliseconds time) {
  context_.waits.spawn("the pause of a room", resume_after(lane, time));
}

Task<void> Turns::resume_after(Lane lane, Milliseconds time) {
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(time);
  co_await context_.clock.sleep_for(duration);
  rooms_.resume(lane);
  dispatch();
}

}  // namespace afterword::delivery
