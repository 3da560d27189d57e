#include "delivery/delivery.h"

#include "delivery/adoption.h"
#include "delivery/alarm.h"
#include "delivery/attempt_gate.h"
#include "delivery/attempts.h"
#include "delivery/context.h"
#include "delivery/tries.h"
#include "delivery/turns.h"
#include "delivery/way.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <utility>

namespace afterword::delivery {

using domain::DelayedEvent;
using domain::DelayId;
using domain::Effect;

// The parts, in the order in which they know each other.
struct Delivery::Implementation {
  Implementation(const async::Executor& executor, async::Clock& clock, store::Store& store,
                 homeserver::Homeserver& homeserver, const Options& options)
      : context(executor, clock, store, homeserver, options),
        alarm(executor, context),
        gate(executor, context),
        attempts(executor, context.options),
        way(context, [this](async::Steady closed_since) { go_on_after_outage(closed_since); }),
        tries(context, gate, attempts, way),
        turns(context, alarm, gate, attempts, way, tries),
        adoption(context, alarm, gate, attempts, turns) {}

  // Of an event that is to be sent on request: where it goes on, if that has no clear answer.
  struct Requested {
    DelayId delay_id;
    domain::RoomId room_id;
    domain::UserId owner;
    Timestamp due;
    bool has_begun = false;
  };

  void go_on_after_outage(async::Steady closed_since);
  Task<void> send_on_request(Requested requested, std::optional<domain::UserId> caller, Reply reply);
  Task<void> try_on_request(Requested& requested, std::optional<domain::UserId> caller, Reply reply);
  async::Steady longest_wait_from_now() const { return context.clock.steady_now() + context.options.longest_wait; }

  Context context;
  Alarm alarm;
  AttemptGate gate;
  Attempts attempts;
  Way way;
  Tries tries;
  Turns turns;
  Adoption adoption;
  bool drained = false;
};

// Clients that could not reach us while the homeserver was away have their time to restart what came due.
void Delivery::Implementation::go_on_after_outage(async::Steady closed_since) {
  if (context.begin_grace_after_outage(closed_since)) turns.look_again();
  turns.dispatch();
}

// However it goes on, it ends with an outcome, or is continued in its room.
Task<void> Delivery::Implementation::send_on_request(Requested requested, std::optional<domain::UserId> caller,
                                                     Reply reply) {
  auto trying = try_on_request(requested, std::move(caller), std::move(reply));
  const bool tried = co_await context.go_on_after_errors("sending on request", std::move(trying));
  if (tried || !requested.has_begun || !attempts.contains(requested.delay_id)) co_return;
  attempts.note_unclear(requested.delay_id, context.clock.steady_now());
  turns.take_over(requested.room_id, requested.owner, requested.due, requested.delay_id);
  turns.pause(requested.room_id);
}

Task<void> Delivery::Implementation::try_on_request(Requested& requested, std::optional<domain::UserId> caller,
                                                    Reply reply) {
  const DelayId delay_id = requested.delay_id;
  AttemptGate::Passing passing = co_await gate.enter();
  requested.has_begun = attempts.begin(delay_id, reply);
  if (!requested.has_begun) {
    reply->emplace(Effect::wait);
    attempts.ended().notify_all();
    co_return;
  }
  const Timestamp now = context.clock.now();
  const domain::Attempt attempt{context.clock.to_wall(now), true};
  auto claimed = co_await context.store.claim(delay_id, std::move(caller), attempt, now);
  passing.leave();
  if (!claimed) {
    attempts.end(delay_id, claimed.error());
    co_return;
  }
  if (std::holds_alternative<store::NotFound>(*claimed)) {
    attempts.end(delay_id, store::NotFound{});
    co_return;
  }
  if (const auto* met = std::get_if<store::Met>(&*claimed)) {
    attempts.end(delay_id, met->effect);
    co_return;
  }

  auto& event = std::get<DelayedEvent>(*claimed);
  Recorded what{delay_id, event.event.room_id, event.event.type};
  const Timestamp due = event.timing.due();
  NextStep step = co_await tries.first(std::move(event));
  if (auto* finalise = std::get_if<Finalise>(&step)) {
    co_await tries.record(std::move(what), std::move(*finalise));
  } else if (auto* release = std::get_if<Release>(&step)) {
    co_await tries.record(delay_id, std::move(*release));
    alarm.set(due, delay_id);  // it may have been another instance's
  } else {
    turns.take_over(what.room_id, requested.owner, due, delay_id);
    turns.pause(what.room_id);
  }
}

Delivery::Delivery(async::Executor executor, async::Clock& clock, store::Store& store,
                   homeserver::Homeserver& homeserver, Options options)
    : implementation_(std::make_unique<Implementation>(executor, clock, store, homeserver, options)) {}

Delivery::~Delivery() = default;

Task<store::StoreResult<void>> Delivery::start() {
  Implementation& delivery = *implementation_;
  const auto adopted = co_await delivery.adoption.begin();
  if (!adopted) co_return adopted.error();
  auto fire = [&delivery](std::vector<Timer> fired) { return delivery.turns.look_at(std::move(fired)); };
  delivery.context.waits.spawn("the timers of delayed events", delivery.alarm.run(fire));
  delivery.context.waits.spawn("adopting delayed events", delivery.adoption.keep_on());
  co_return store::StoreResult<void>();
}

void Delivery::expect(DelayId delay_id, Timestamp due) {
  implementation_->context.hear_client();
  implementation_->alarm.set(due, delay_id);
}

void Delivery::restarted(DelayId delay_id, Timestamp due) {
  Implementation& delivery = *implementation_;
  delivery.context.hear_client();
  if (due < delivery.context.grace.end()) delivery.alarm.set(due, delay_id);
}

Task<SendNowAnswer> Delivery::send_now(DelayId delay_id, std::optional<domain::UserId> caller) {
  Implementation& delivery = *implementation_;
  Context& context = delivery.context;
  if (context.stopping) co_return NotSent{"shutting down"};
  const auto found = co_await context.store.look_up(delay_id, caller);
  if (!found) co_return found.error();
  if (!*found) co_return store::NotFound{};
  if (delivery.attempts.contains(delay_id)) co_return Effect::wait;
  if ((*found)->state == domain::State::scheduled) {
    const auto not_prepared = co_await context.homeserver.prepare(delay_id);
    if (not_prepared) co_return NotSent{not_prepared->reason};
  }

  // Its own task, so that it has an end whatever becomes of its caller.
  const Reply reply = std::make_shared<std::optional<SendNowAnswer>>();
  const domain::DelayedEvent& event = **found;
  Implementation::Requested requested{delay_id, event.event.room_id, event.event.user_id, event.timing.due()};
  context.tries.spawn("sending on request", delivery.send_on_request(std::move(requested), std::move(caller), reply));
  const async::Steady give_up = delivery.longest_wait_from_now();
  while (!*reply && !delivery.drained && context.clock.steady_now() < give_up) {
    co_await delivery.attempts.ended().wait_until(context.clock, give_up);
  }
  if (*reply) co_return std::move(**reply);
  co_return NotSent{"the homeserver has given no clear answer yet"};
}

Task<void> Delivery::settled(DelayId delay_id, async::Steady give_up) {
  Implementation& delivery = *implementation_;
  while (delivery.attempts.contains(delay_id) && !delivery.drained && delivery.context.clock.steady_now() < give_up) {
    co_await delivery.attempts.ended().wait_until(delivery.context.clock, give_up);
  }
}

Task<void> Delivery::drain(std::chrono::milliseconds limit) {
  using namespace async::asio::experimental::awaitable_operators;
  Implementation& delivery = *implementation_;
  Context& context = delivery.context;
  context.stopping = true;
  context.waits.stop();
  co_await context.waits.join();

  auto answered = context.tries.join();
  auto late = context.clock.sleep_for(limit);
  co_await (std::move(answered) || std::move(late));
  context.tries.stop();
  co_await context.tries.join();
  delivery.drained = true;
  delivery.attempts.ended().notify_all();  // those who wait for what will not come any more
}

}  // namespace afterword::delivery
