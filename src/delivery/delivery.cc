#include "delivery/delivery.h"

#include "delivery/adoption.h"
#include "delivery/attempt.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace afterword::delivery {

using domain::DelayedEvent;
using domain::DelayId;
using domain::Effect;

// The parts, in the order in which they know each other.
struct Delivery::Implementation {
  Implementation(async::Executor executor, async::Clock& clock, store::Store& store, homeserver::Homeserver& homeserver,
                 const Options& options)
      : context(executor, clock, options),
        changed(std::move(executor)),
        grace(options.start_grace),
        store_retry(context, grace),
        adoption_lock(context, changed),
        health(context, homeserver, [this](async::Steady outage_begin) { go_on_after_outage(outage_begin); }),
        due_events(context, store, store_retry, grace, changed,
                   [this](const store::ActiveEvent& event) { queue(event); }),
        retries(context.options),
        dispatcher(context, changed, due_events, health, adoption_lock,
                   [this](RoomTurn turn) { send(std::move(turn)); }),
        request_places(context),
        attempts(context.executor),
        parts{context,    store,   homeserver, grace,          store_retry, adoption_lock, health,
              due_events, retries, dispatcher, request_places, attempts,    std::nullopt},
        adoption(parts, grace) {
    if (options.owner_limit) parts.owner_limit.emplace(*options.owner_limit);
  }

  void queue(const store::ActiveEvent& event);
  void send(RoomTurn turn);
  void go_on_after_outage(async::Steady outage_begin);
  std::vector<std::pair<Timestamp, DelayId>> some_unsettled(UnsettledKind kind) const;

  Context context;
  async::Condition changed;  // who may go
  Grace grace;
  StoreRetry store_retry;
  AdoptionLock adoption_lock;
  HomeserverHealth health;
  DueEvents due_events;
  Retries retries;
  Dispatcher dispatcher;
  RequestPlaces request_places;
  Attempts attempts;
  AttemptParts parts;
  Adoption adoption;
};

void Delivery::Implementation::queue(const store::ActiveEvent& event) {
  const Timestamp due = event.timing.due();
  const Lane lane = lane_of(retries, event.room_id, event.delay_id, due);
  dispatcher.queue(lane, {due, event.delay_id, event.user_id});
}

void Delivery::Implementation::send(RoomTurn turn) {
  context.attempts.spawn("sending a delayed event", send_at_its_time(parts, std::move(turn)));
}

// Clients that could not reach us while the homeserver was unreachable have their time to restart what came due.
void Delivery::Implementation::go_on_after_outage(async::Steady outage_begin) {
  if (grace.begin_after_outage(outage_begin, context.clock.steady_now(), context.clock.now())) {
    for (const QueuedEvent& event : dispatcher.take_fresh()) due_events.set_timer(event.due, event.delay_id);
  }
  changed.notify_all();
}

Delivery::Delivery(async::Executor executor, async::Clock& clock, store::Store& store,
                   homeserver::Homeserver& homeserver, Options options)
    : implementation_(std::make_unique<Implementation>(std::move(executor), clock, store, homeserver, options)) {}

Delivery::~Delivery() = default;

Task<store::StoreResult<void>> Delivery::start() {
  Implementation& delivery = *implementation_;
  delivery.context.loops.spawn("giving turns to delayed events", delivery.dispatcher.run());
  const auto adopted = co_await delivery.adoption.begin();
  if (!adopted) co_return adopted.error();
  delivery.context.loops.spawn("the timers of delayed events", delivery.due_events.run());
  delivery.context.loops.spawn("adopting delayed events", delivery.adoption.run());
  co_return store::StoreResult<void>();
}

void Delivery::expect(DelayId delay_id, Timestamp due) {
  Implementation& delivery = *implementation_;
  delivery.grace.note_client(delivery.context.clock.steady_now(), delivery.context.clock.now());
  delivery.due_events.set_timer(due, delay_id);
}

void Delivery::restarted(DelayId delay_id, Timestamp due) {
  Implementation& delivery = *implementation_;
  delivery.grace.note_client(delivery.context.clock.steady_now(), delivery.context.clock.now());
  if (due < delivery.grace.end()) delivery.due_events.set_timer(due, delay_id);
}

Task<SendNowAnswer> Delivery::send_now(DelayId delay_id, std::optional<domain::UserId> caller) {
  Implementation& delivery = *implementation_;
  Context& context = delivery.context;
  if (context.is_stopping()) co_return NotSent{"shutting down"};
  const auto found = co_await delivery.parts.store.look_up(delay_id, caller);
  if (!found) co_return found.error();
  if (!*found) co_return store::NotFound{};
  if (delivery.attempts.contains(delay_id)) co_return Effect::wait;
  const DelayedEvent& event = **found;
  if (const auto* const sent = event.finalised ? std::get_if<domain::EventId>(&event.finalised->outcome) : nullptr) {
    co_return Sent{*sent};
  }
  if (event.state != domain::State::scheduled) co_return effect_of(domain::Action::send, event.state);

  // Its own task, so that it has an end whatever becomes of its caller.
  const Reply reply = std::make_shared<Answered>(context.executor);
  store::ActiveEvent active{delay_id, event.state, event.timing, event.event->room_id, event.event->user_id};
  auto sending = send_on_request(delivery.parts, std::move(active), std::move(caller), reply);
  context.attempts.spawn("sending on request", std::move(sending));
  const async::Steady give_up = context.clock.steady_now() + context.options.longest_wait;
  while (!reply->answer && context.clock.steady_now() < give_up) {
    co_await reply->answered.wait_until(context.clock, give_up);
  }
  if (reply->answer) co_return std::move(*reply->answer);
  co_return NotSent{"the homeserver has given no clear answer yet"};
}

Task<void> Delivery::settled(DelayId delay_id, async::Steady give_up) {
  Implementation& delivery = *implementation_;
  while (delivery.attempts.contains(delay_id) && delivery.context.clock.steady_now() < give_up) {
    co_await delivery.attempts.ended().wait_until(delivery.context.clock, give_up);
  }
}

Figures Delivery::figures() const {
  const Implementation& delivery = *implementation_;
  Figures figures{delivery.context.counts};
  figures.timers = delivery.due_events.timers();
  figures.waiting = delivery.dispatcher.queued();
  figures.under_way = delivery.attempts.size();
  figures.in_doubt = delivery.context.in_doubt.size();
  figures.aside = delivery.retries.aside();
  figures.in_outage = delivery.health.in_outage();
  return figures;
}

std::vector<std::pair<Timestamp, DelayId>> Delivery::Implementation::some_unsettled(UnsettledKind kind) const {
  std::vector<std::pair<Timestamp, DelayId>> found;
  switch (kind) {
    case UnsettledKind::aside:
      return retries.some_aside(max_unsettled_looked_at);
    case UnsettledKind::in_doubt:
      for (const Doubt* doubt : context.in_doubt) {
        if (found.size() == max_unsettled_looked_at) break;
        found.emplace_back(doubt->due(), doubt->delay_id());
      }
      return found;
    case UnsettledKind::late:
      for (const QueuedEvent& event : dispatcher.some_queued(max_unsettled_looked_at)) {
        found.emplace_back(event.due, event.delay_id);
      }
      return found;
  }
  return found;
}

std::vector<Unsettled> Delivery::unsettled(UnsettledKind kind, std::size_t limit) const {
  const Implementation& delivery = *implementation_;
  auto found = delivery.some_unsettled(kind);
  std::ranges::sort(found);
  if (found.size() > limit) found.resize(limit);
  std::unordered_map<DelayId, std::string> reasons;
  if (!found.empty()) {
    for (const Doubt* doubt : delivery.context.in_doubt) reasons.emplace(doubt->delay_id(), doubt->reason());
  }
  std::vector<Unsettled> events;
  for (const auto& [due, delay_id] : found) {
    Unsettled event{delay_id, due, {}, std::nullopt};
    if (const auto reason = reasons.find(delay_id); reason != reasons.end()) event.reason = reason->second;
    if (const Retry* const retry = delivery.retries.find(delay_id, due)) event.answer = retry->last_answer;
    events.push_back(std::move(event));
  }
  return events;
}

std::vector<Timer> Delivery::first_timers(std::size_t limit) const {
  return implementation_->due_events.first_timers(limit);
}

Task<void> Delivery::drain(std::chrono::milliseconds limit) {
  using namespace async::asio::experimental::awaitable_operators;
  Context& context = implementation_->context;
  context.loops.stop();
  implementation_->dispatcher.stop();
  co_await context.loops.join();

  auto answered = context.attempts.join();
  auto late = context.clock.sleep_for(limit);
  co_await (std::move(answered) || std::move(late));
  context.attempts.stop();
  co_await context.attempts.join();
}

}  // namespace afterword::delivery
