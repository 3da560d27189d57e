#include "delivery/dispatcher.h"

#include <algorithm>

namespace afterword::delivery {

Dispatcher::Dispatcher(Context& context, async::Condition& changed, DueEvents& due_events,
                       const HomeserverHealth& health, const AdoptionLock& adoption_lock,
                       std::function<void(RoomTurn)> begin)
    : context_(context),
      changed_(changed),
      due_events_(due_events),
      health_(health),
      adoption_lock_(adoption_lock),
      begin_(std::move(begin)),
      queues_({context.options.max_concurrent_sends, context.options.max_sends_of_an_owner},
              {context.options.max_concurrent_retries, context.options.max_retries_of_an_owner}) {}

void Dispatcher::queue(const Lane& lane, QueuedEvent event, Milliseconds pause) {
  queues_.push(lane, std::move(event));
  this->pause(lane, pause);
  changed_.notify_all();
}

Task<std::optional<RoomTurn>> Dispatcher::next_turn(Lane lane, QueuedEvent event, Milliseconds pause) {
  const domain::DelayId delay_id = event.delay_id;
  Waiting& waiting = waiting_.try_emplace(delay_id, context_.executor).first->second;
  queue(lane, std::move(event), pause);
  while (!waiting.turn && !context_.is_stopping()) co_await waiting.given.wait();
  auto turn = std::move(waiting.turn);
  waiting_.erase(delay_id);
  co_return std::move(turn);
}

bool Dispatcher::wait_beside_room(RoomTurn& turn, Milliseconds longest_wait) {
  auto beside = queues_.wait_beside_room(turn.turn_);
  if (!beside) return false;
  beside_.emplace(context_.clock.steady_now() + longest_wait, *beside);
  turn.turn_ = *std::move(beside);
  changed_.notify_all();
  return true;
}

void Dispatcher::put_back(RoomTurn turn, Milliseconds pause) { this->pause(turn.lane(), pause); }

void Dispatcher::pause(const Lane& lane, Milliseconds pause) {
  if (pause > Milliseconds(0) && queues_.pause(lane)) pauses_.emplace(context_.clock.steady_now() + pause, lane);
}

void Dispatcher::resume_lanes() {
  const async::Steady now = context_.clock.steady_now();
  const auto end = pauses_.upper_bound(now);
  for (auto pause = pauses_.begin(); pause != end; ++pause) queues_.resume(pause->second);
  pauses_.erase(pauses_.begin(), end);

  const auto last = beside_.upper_bound(now);
  for (auto turn = beside_.begin(); turn != last; ++turn) queues_.go_on_without(turn->second);
  beside_.erase(beside_.begin(), last);
}

async::Steady Dispatcher::next_change() const {
  const auto first = [](const auto& by_time) {
    return by_time.empty() ? async::Steady::max() : by_time.begin()->first;
  };
  return std::min(first(pauses_), first(beside_));
}

bool Dispatcher::gives_turns() const {
  return !context_.is_stopping() && !health_.in_outage() && !adoption_lock_.is_exclusive();
}

bool Dispatcher::may_go(const RoomTurn& turn) const {
  return gives_turns() && turn.event().due <= due_events_.complete_until() &&
         queues_.is_first(turn.lane(), turn.event());
}

Task<void> Dispatcher::run() {
  while (!context_.is_stopping()) {
    resume_lanes();
    while (gives_turns()) {
      const bool fresh = give_turn(TurnKind::fresh);
      const bool retry = give_turn(TurnKind::retry);
      if (!fresh && !retry) break;
    }
    const async::Steady next = next_change();
    if (next == async::Steady::max()) {
      co_await changed_.wait();
    } else {
      co_await changed_.wait_until(context_.clock, next);
    }
  }
}

bool Dispatcher::give_turn(TurnKind kind) {
  std::optional<Turn> taken = queues_.take_turn(kind, due_events_.complete_until());
  if (!taken) return false;
  RoomTurn turn(queues_, changed_, std::move(*taken));
  const QueuedEvent& event = turn.event();
  if (!event.under_way) {
    begin_(std::move(turn));
  } else if (const auto found = waiting_.find(event.delay_id); found != waiting_.end()) {
    found->second.turn.emplace(std::move(turn));
    found->second.given.notify_all();
  } else {  // its attempt is lost
    due_events_.set_timer(event.due, event.delay_id);
    turn.finish();
  }
  return true;
}

void Dispatcher::stop() {
  for (auto& [delay_id, waiting] : waiting_) waiting.given.notify_all();
}

}  // namespace afterword::delivery
