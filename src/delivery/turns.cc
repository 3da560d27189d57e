#include "delivery/turns.h"

#include <algorithm>
#include <utility>

namespace afterword::delivery {
namespace {

using domain::DelayedEvent;
using domain::DelayId;
using domain::Effect;

// How soon the timer of an event that is being sent looks again.
constexpr std::chrono::seconds look_again{1};
// While another instance sends an earlier event of the room.
constexpr std::chrono::milliseconds pause_behind{100};

}  // namespace

Task<void> Turns::look_at(std::vector<Timer> fired) {
  looking_at_ = fired.front().when;
  std::vector<DelayId> ids;
  ids.reserve(fired.size());
  for (const Timer& timer : fired) ids.push_back(timer.delay_id);
  auto look = [this, &ids] { return context_.store.look(ids); };
  const auto found = co_await context_.insist(look);

  const Timestamp now = context_.clock.now();
  for (const store::Look& event : *found) {
    if (event.state == domain::State::sending) {
      alarm_.set(now + look_again, event.delay_id);
    } else if (event.timing.due() > now) {
      alarm_.set(event.timing.due(), event.delay_id);
    } else if (context_.grace.holds(event.timing, now)) {
      const Timer timer{event.timing.due(), event.delay_id};
      alarm_.hold(context_.grace.end_for(event.timing), timer);
    } else {
      rooms_.push(event.room_id, {event.timing.due(), event.delay_id});
    }
  }
  looking_at_.reset();
  dispatch();
}

// One on request, which is due later, waits for no timer.
void Turns::take_over(const domain::RoomId& room_id, Timestamp due, DelayId delay_id) {
  rooms_.push(room_id, {std::min(due, context_.clock.now()), delay_id, true});
}

// All that is due before is queued. What is due later may have to go behind something that its timer has yet to bring.
Timestamp Turns::queued_until() const {
  const auto earliest = alarm_.earliest().value_or(Timestamp::max());
  return std::min(earliest, looking_at_.value_or(earliest));
}

void Turns::dispatch() {
  if (dispatching_) return;  // called by a turn that was over at once; the loop below goes on
  dispatching_ = true;
  // While the homeserver is away, one event at a time finds out whether it is back.
  const auto limit = [this] { return outage_.is_away() ? 1 : context_.options.max_concurrent_sends; };
  while (!context_.stopping && !outage_.is_pausing() && !gate_.is_closed() && taken_ < limit()) {
    std::optional<Turn> turn = rooms_.take(queued_until());
    if (!turn) break;
    ++taken_;
    context_.tries.spawn("sending a delayed event", take(std::move(*turn)));
  }
  dispatching_ = false;
}

Task<void> Turns::take(Turn turn) {
  auto taking = turn.event.under_way ? take_up(turn) : claim(turn);
  std::optional<DelayedEvent> event = co_await std::move(taking);
  if (event) co_await attempt(turn, std::move(*event));
  --taken_;
  dispatch();
}

// The event, if it is to be sent now; else its turn is over.
Task<std::optional<DelayedEvent>> Turns::claim(Turn turn) {
  const auto [due, delay_id, under_way] = turn.event;
  if (const auto not_prepared = co_await context_.homeserver.prepare(delay_id)) {
    rooms_.put_back(turn);
    outage_.begin(not_prepared->reason, not_prepared->retry_after.value_or(Milliseconds(0)));
    co_return std::nullopt;
  }

  if (attempts_.contains(delay_id)) {  // on request
    rooms_.end(turn);
    alarm_.set(context_.clock.now() + look_again, delay_id);
    co_return std::nullopt;
  }

  if (gate_.is_closed()) {  // since it has its turn: what is being adopted may go first
    rooms_.put_back(turn);
    co_return std::nullopt;
  }

  attempts_.begin(delay_id);
  // Only if it is due when its queue says: one that was restarted since has its place behind others, even if it is due.
  const domain::Attempt attempt{context_.clock.to_wall(due), false};
  co_await gate_.enter();
  auto claimed = co_await context_.store.claim(delay_id, std::nullopt, attempt, due);
  gate_.leave();
  if (claimed && std::holds_alternative<DelayedEvent>(*claimed)) co_return std::get<DelayedEvent>(std::move(*claimed));

  attempts_.end(delay_id, Effect::wait);
  if (!context_.heard(claimed)) {
    ask_again_soon(turn);
    co_return std::nullopt;
  }
  if (std::holds_alternative<store::Behind>(*claimed)) {
    rooms_.put_back(turn);
    if (rooms_.pause(turn.room_id)) resume_soon(turn.room_id, pause_behind);
    co_return std::nullopt;
  }
  rooms_.end(turn);
  const auto* met = std::get_if<store::Met>(&*claimed);
  if (met == nullptr || met->effect != Effect::wait) co_return std::nullopt;  // cancelled, or sent already
  const Timestamp due_now = met->timing.due();
  if (due_now <= due) {  // it is being sent
    alarm_.set(context_.clock.now() + look_again, delay_id);
  } else if (due_now > context_.clock.now()) {
    alarm_.set(due_now, delay_id);
  } else {
    rooms_.push(turn.room_id, {due_now, delay_id});
  }
  co_return std::nullopt;
}

// The event of an attempt that is to be continued.
Task<std::optional<DelayedEvent>> Turns::take_up(Turn turn) {
  const DelayId delay_id = turn.event.delay_id;
  auto found = co_await tries_.look_up(delay_id);
  if (!context_.heard(found)) {
    ask_again_soon(turn);
    co_return std::nullopt;
  }
  if (*found) co_return std::move(*found);

  log::warn("An attempt to send a delayed event has ended without us");
  rooms_.end(turn);
  alarm_.set(turn.event.due, delay_id);  // to see what has become of it
  co_return std::nullopt;
}

Task<void> Turns::attempt(Turn turn, DelayedEvent event) {
  const DelayId delay_id = event.delay_id;
  const Timestamp due = event.timing.due();
  const bool on_request = event.attempt && event.attempt->on_request;
  auto trying = turn.event.under_way ? tries_.resolve(std::move(event)) : tries_.first(std::move(event));
  NextStep step = co_await std::move(trying);

  if (auto* finalise = std::get_if<Finalise>(&step)) {
    co_await tries_.record(delay_id, std::move(*finalise));
    rooms_.end(turn);
  } else if (auto* release = std::get_if<Release>(&step)) {
    const Release released = *release;
    co_await tries_.record(delay_id, std::move(*release));
    if (on_request) {
      rooms_.end(turn);
      alarm_.set(due, delay_id);  // it may have fired meanwhile
    } else {
      turn.event.under_way = false;
      rooms_.put_back(turn);
      outage_.begin(std::get<NotSent>(released.answer).reason, released.retry_after.value_or(Milliseconds(0)));
    }
  } else {
    const auto& reason = std::get<TryAgain>(step).reason;
    log::warn("Sending a delayed event has no clear outcome yet: {}", reason);
    turn.event.under_way = true;
    if (outage_.is_suspected()) outage_.begin(reason);
    if (outage_.is_away()) {
      rooms_.put_back(turn);  // to be the one that finds out whether the homeserver is back
    } else if (attempts_.holds_too_long(delay_id, context_.clock.steady_now())) {
      rooms_.end(turn);
      aside_.add(delay_id);
    } else {
      try_again_later(turn);
    }
  }
}

void Turns::try_again_later(const Turn& turn) {
  rooms_.put_back(turn);
  pause(turn.room_id);
}

// The store, which could not.
void Turns::ask_again_soon(const Turn& turn) {
  rooms_.put_back(turn);
  const auto pauses = rooms_.pause(turn.room_id);
  if (pauses) resume_soon(turn.room_id, context_.delay_after_store(*pauses));
}

void Turns::pause(const domain::RoomId& room_id) {
  const auto pauses = rooms_.pause(room_id);
  if (pauses) resume_soon(room_id, context_.delay_after(*pauses));
}

void Turns::resume_soon(const domain::RoomId& room_id, std::chrono::milliseconds time) {
  context_.waits.spawn("the pause of a room", resume_after(room_id, time));
}

Task<void> Turns::resume_after(domain::RoomId room_id, std::chrono::milliseconds time) {
  co_await context_.clock.sleep_for(time);
  rooms_.resume(room_id);
  dispatch();
}

}  // namespace afterword::delivery
