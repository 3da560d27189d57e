#include "delivery/delivery.h"

#include "async/condition.h"
#include "async/task_group.h"
#include "base/log.h"
#include "delivery/forward_time.h"
#include "delivery/outcome.h"
#include "delivery/retry.h"
#include "delivery/room_queues.h"
#include "delivery/timers.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

namespace afterword::delivery {
namespace {

using domain::DelayedEvent;
using domain::DelayId;
using domain::Effect;

// How many timers are looked at in one step of the store.
constexpr std::size_t max_look = 1000;
// How soon the timer of an event that is being sent looks again.
constexpr std::chrono::seconds look_again{1};
// How soon it is noticed that somebody set the wall clock forward.
constexpr std::chrono::seconds longest_sleep{1};

// Where the answer to a `send` action appears.
using Reply = std::shared_ptr<std::optional<SendNowAnswer>>;

}  // namespace

struct Delivery::Implementation {
  Implementation(async::Executor executor, async::Clock& clock_, store::Store& store_,
                 homeserver::Homeserver& homeserver_, Options options_)
      : clock(clock_),
        store(store_),
        homeserver(homeserver_),
        options(options_),
        time(clock),
        timers_changed(executor),
        settled(executor),
        waits(executor),
        tries(executor) {}

  // Timers.
  void set_timer(Timestamp when, DelayId delay_id);
  void set_timer_for(Timestamp due, DelayId delay_id) { set_timer(time.at(due), delay_id); }
  Task<void> run_timers();
  Task<void> fire(std::vector<Timer> fired);

  // Turns of rooms.
  void dispatch();
  Task<void> take_turn(Turn turn);
  Task<std::optional<DelayedEvent>> claim(Turn turn);
  Task<std::optional<DelayedEvent>> take_up(Turn turn);
  Task<void> attempt(Turn turn, DelayedEvent event);
  void try_again_later(const Turn& turn);
  void pause(const domain::RoomId& room_id);
  Task<void> resume_after(domain::RoomId room_id, std::chrono::milliseconds time);

  // Attempts.
  Task<void> send_on_request(DelayId delay_id, std::optional<domain::UserId> caller, Reply reply);
  Task<NextStep> try_to_send(DelayedEvent event, bool may_have_arrived);
  Task<void> record(DelayId delay_id, Finalise finalise);
  Task<void> record(DelayId delay_id, Release release);
  void settle(DelayId delay_id, SendNowAnswer answer);

  // The homeserver's absence.
  void homeserver_is_away(const std::string& reason);
  void homeserver_is_back();
  Task<void> end_outage_pause_after(std::chrono::milliseconds time);

  std::chrono::milliseconds delay_after(unsigned failures) {
    return retry_delay(failures, {options.first_retry, options.last_retry}, random);
  }
  // Asks the store until it can.
  template <class Verb>
  auto insist(Verb verb) -> decltype(verb());

  async::Clock& clock;
  store::Store& store;
  homeserver::Homeserver& homeserver;
  const Options options;
  std::minstd_rand random;  // for jitter among the retries of this process: it need not be unpredictable

  ForwardTime time;
  Timers timers;
  async::Condition timers_changed;

  RoomQueues rooms;
  std::size_t turns = 0;
  bool dispatching = false;

  // What is being sent, from before it is claimed until its outcome is recorded; with where to tell who asked for it.
  std::unordered_map<DelayId, Reply> attempts;
  async::Condition settled;

  unsigned outage_failures = 0;  // in a row; 0: the homeserver is there
  bool outage_pause = false;

  bool stopping = false;
  bool drained = false;
  async::TaskGroup waits;  // end at once when we stop: timers, backoff
  async::TaskGroup tries;  // are waited for
};

// --- Timers ---

void Delivery::Implementation::set_timer(Timestamp when, DelayId delay_id) {
  const auto earliest = timers.earliest();
  timers.add({when, delay_id});
  if (!earliest || when < *earliest) timers_changed.notify_all();
}

Task<void> Delivery::Implementation::run_timers() {
  while (!stopping) {
    const Timestamp now = time.now();
    std::vector<Timer> fired = timers.take_due(now, max_look);
    if (!fired.empty()) {
      co_await fire(std::move(fired));
    } else if (const auto earliest = timers.earliest()) {
      const auto sleep = std::min<Milliseconds>(*earliest - now, longest_sleep);
      co_await timers_changed.wait_until(clock, clock.steady_now() + sleep);
    } else {
      co_await timers_changed.wait();
    }
  }
}

Task<void> Delivery::Implementation::fire(std::vector<Timer> fired) {
  std::vector<DelayId> ids;
  ids.reserve(fired.size());
  for (const Timer& timer : fired) ids.push_back(timer.delay_id);
  auto look = [this, &ids] { return store.look(ids); };
  const auto found = co_await insist(look);

  const Timestamp now = clock.now();
  for (const store::Look& event : *found) {
    if (event.state == domain::State::sending) {
      set_timer(time.now() + look_again, event.delay_id);
    } else if (event.due > now) {
      set_timer_for(event.due, event.delay_id);
    } else {
      rooms.push(event.room_id, {event.due, event.delay_id});
    }
  }
  dispatch();
}

// --- Turns of rooms ---

void Delivery::Implementation::dispatch() {
  if (dispatching) return;  // called by a turn that was over at once; the loop below goes on
  dispatching = true;
  // While the homeserver is away, one event at a time finds out whether it is back.
  const auto limit = [this] { return outage_failures > 0 ? 1 : options.max_concurrent_sends; };
  while (!stopping && !outage_pause && turns < limit()) {
    std::optional<Turn> turn = rooms.take();
    if (!turn) break;
    ++turns;
    tries.spawn("sending a delayed event", take_turn(std::move(*turn)));
  }
  dispatching = false;
}

Task<void> Delivery::Implementation::take_turn(Turn turn) {
  auto taking = turn.event.under_way ? take_up(turn) : claim(turn);
  std::optional<DelayedEvent> event = co_await std::move(taking);
  if (event) co_await attempt(turn, std::move(*event));
  --turns;
  dispatch();
}

// The event, if it is to be sent now; else its turn is over.
Task<std::optional<DelayedEvent>> Delivery::Implementation::claim(Turn turn) {
  const auto [due, delay_id, under_way] = turn.event;
  if (due > clock.now()) {  // the clock was set back
    rooms.end(turn);
    set_timer_for(due, delay_id);
    co_return std::nullopt;
  }
  if (attempts.contains(delay_id)) {  // on request
    rooms.end(turn);
    set_timer(time.now() + look_again, delay_id);
    co_return std::nullopt;
  }

  attempts.emplace(delay_id, nullptr);
  // Only if it is due when its queue says: one that was restarted since has its place behind others, even if it is due.
  const domain::Attempt attempt{due, false};
  auto claimed = co_await store.claim(delay_id, std::nullopt, attempt, due);
  if (claimed && std::holds_alternative<DelayedEvent>(*claimed)) co_return std::get<DelayedEvent>(std::move(*claimed));

  settle(delay_id, Effect::wait);
  if (!claimed) {
    log::warn("The database is not available: {}", claimed.error().reason);
    try_again_later(turn);
    co_return std::nullopt;
  }
  rooms.end(turn);
  const auto* met = std::get_if<store::Met>(&*claimed);
  if (met == nullptr || met->effect != Effect::wait) co_return std::nullopt;  // cancelled, or sent already
  const Timestamp due_now = met->timing.due();
  if (due_now <= due) {  // it is being sent
    set_timer(time.now() + look_again, delay_id);
  } else if (due_now > clock.now()) {
    set_timer_for(due_now, delay_id);
  } else {
    rooms.push(turn.room_id, {due_now, delay_id});
  }
  co_return std::nullopt;
}

// The event of an attempt that is to be continued.
Task<std::optional<DelayedEvent>> Delivery::Implementation::take_up(Turn turn) {
  const DelayId delay_id = turn.event.delay_id;
  auto found = co_await store.look_up(delay_id, std::nullopt);
  if (!found) {
    log::warn("The database is not available: {}", found.error().reason);
    try_again_later(turn);
    co_return std::nullopt;
  }
  if (*found && (*found)->state == domain::State::sending) co_return std::move(*found);

  log::error("An attempt to send a delayed event has ended without us");
  settle(delay_id, Effect::wait);
  rooms.end(turn);
  set_timer(time.now(), delay_id);  // to see what has become of it
  co_return std::nullopt;
}

Task<void> Delivery::Implementation::attempt(Turn turn, DelayedEvent event) {
  const DelayId delay_id = event.delay_id;
  const bool on_request = event.attempt && event.attempt->on_request;
  NextStep step = co_await try_to_send(std::move(event), turn.event.under_way);

  if (auto* finalise = std::get_if<Finalise>(&step)) {
    homeserver_is_back();
    co_await record(delay_id, std::move(*finalise));
    rooms.end(turn);
  } else if (auto* release = std::get_if<Release>(&step)) {
    const SendNowAnswer answer = release->answer;
    co_await record(delay_id, std::move(*release));
    if (on_request) {
      rooms.end(turn);  // it has its timer still
    } else {
      rooms.put_back(turn);
      homeserver_is_away(std::get<NotSent>(answer).reason);
    }
  } else {
    log::warn("Sending a delayed event has no clear outcome yet: {}", std::get<TryAgain>(step).reason);
    turn.event.under_way = true;
    try_again_later(turn);
  }
}

void Delivery::Implementation::try_again_later(const Turn& turn) {
  rooms.put_back(turn);
  pause(turn.room_id);
}

void Delivery::Implementation::pause(const domain::RoomId& room_id) {
  const auto pauses = rooms.pause(room_id);
  if (pauses) waits.spawn("the pause of a room", resume_after(room_id, delay_after(*pauses)));
}

Task<void> Delivery::Implementation::resume_after(domain::RoomId room_id, std::chrono::milliseconds pause_time) {
  co_await clock.sleep_for(pause_time);
  rooms.resume(room_id);
  dispatch();
}

// --- Attempts ---

Task<void> Delivery::Implementation::send_on_request(DelayId delay_id, std::optional<domain::UserId> caller,
                                                     Reply reply) {
  attempts.emplace(delay_id, std::move(reply));
  const Timestamp now = clock.now();
  const domain::Attempt attempt{now, true};
  auto claimed = co_await store.claim(delay_id, std::move(caller), attempt, now);
  if (!claimed) {
    settle(delay_id, claimed.error());
    co_return;
  }
  if (std::holds_alternative<store::NotFound>(*claimed)) {
    settle(delay_id, store::NotFound{});
    co_return;
  }
  if (const auto* met = std::get_if<store::Met>(&*claimed)) {
    settle(delay_id, met->effect);
    co_return;
  }

  auto& event = std::get<DelayedEvent>(*claimed);
  const domain::RoomId room_id = event.event.room_id;
  const Timestamp due = event.timing.due();
  NextStep step = co_await try_to_send(std::move(event), false);
  if (auto* finalise = std::get_if<Finalise>(&step)) {
    co_await record(delay_id, std::move(*finalise));
  } else if (auto* release = std::get_if<Release>(&step)) {
    co_await record(delay_id, std::move(*release));
  } else {
    rooms.push(room_id, {due, delay_id, true});
    pause(room_id);
  }
}

Task<NextStep> Delivery::Implementation::try_to_send(DelayedEvent event, bool may_have_arrived) {
  // A known limitation: an attempt that may have arrived is sent again without a look whether it is in the room, and so
  // relies on the homeserver to know its transaction. Homeservers forget those when they restart. Here is the place to
  // look for it first, by its origin_server_ts, sender, type, state key and content.
  const domain::Attempt attempt = attempt_of(event);
  Try tried{attempt.on_request, event.event.device_id.has_value(), may_have_arrived};
  while (true) {
    const homeserver::SendAnswer answer = co_await homeserver.send(event.delay_id, event.event, attempt);
    NextStep step = next_step(tried, answer);
    if (!std::holds_alternative<SendWithoutDevice>(step)) co_return step;
    event.event.device_id.reset();
    tried.with_device = false;
  }
}

Task<void> Delivery::Implementation::record(DelayId delay_id, Finalise finalise) {
  const domain::Finalised finalised{clock.now(), std::move(finalise.outcome)};
  auto verb = [this, delay_id, &finalised] { return store.finalise(delay_id, finalised); };
  co_await insist(verb);
  settle(delay_id, Effect::perform);
}

Task<void> Delivery::Implementation::record(DelayId delay_id, Release release) {
  auto verb = [this, delay_id] { return store.release(delay_id); };
  co_await insist(verb);
  settle(delay_id, std::move(release.answer));
}

void Delivery::Implementation::settle(DelayId delay_id, SendNowAnswer answer) {
  const auto attempt = attempts.extract(delay_id);
  if (attempt && attempt.mapped()) attempt.mapped()->emplace(std::move(answer));
  settled.notify_all();
}

template <class Verb>
auto Delivery::Implementation::insist(Verb verb) -> decltype(verb()) {
  for (unsigned failures = 1;; ++failures) {
    auto asking = verb();
    auto answer = co_await std::move(asking);
    if (answer) co_return answer;
    log::warn("The database is not available: {}", answer.error().reason);
    co_await clock.sleep_for(delay_after(failures));
  }
}

// --- The homeserver's absence ---

// It takes nothing from anybody, so all rooms pause together, and then go on in the order of time.
void Delivery::Implementation::homeserver_is_away(const std::string& reason) {
  if (outage_pause) return;  // noticed by an event that left at the same time
  if (outage_failures++ == 0) log::warn("The homeserver takes no events: {}", reason);
  outage_pause = true;
  waits.spawn("the pause of an outage", end_outage_pause_after(delay_after(outage_failures)));
}

void Delivery::Implementation::homeserver_is_back() {
  if (outage_failures > 0) log::info("The homeserver takes events again");
  outage_failures = 0;
}

Task<void> Delivery::Implementation::end_outage_pause_after(std::chrono::milliseconds pause_time) {
  co_await clock.sleep_for(pause_time);
  outage_pause = false;
  dispatch();
}

// --- The interface ---

Delivery::Delivery(async::Executor executor, async::Clock& clock, store::Store& store,
                   homeserver::Homeserver& homeserver, Options options)
    : implementation_(std::make_unique<Implementation>(std::move(executor), clock, store, homeserver, options)) {}

Delivery::~Delivery() = default;

Task<store::StoreResult<void>> Delivery::start() {
  Implementation& delivery = *implementation_;
  std::vector<Timer> timers;
  std::vector<DelayId> sending;
  while (true) {
    const auto adopted = co_await delivery.store.adopt();
    if (!adopted) co_return adopted.error();
    if (adopted->empty()) break;
    for (const store::Active& event : *adopted) {
      timers.push_back({event.due, event.delay_id});
      if (event.state == domain::State::sending) sending.push_back(event.delay_id);
    }
  }
  delivery.timers = Timers(std::move(timers));

  const auto under_way = co_await delivery.store.look(std::move(sending));
  if (!under_way) co_return under_way.error();
  for (const store::Look& event : *under_way) {
    delivery.attempts.emplace(event.delay_id, nullptr);
    delivery.rooms.push(event.room_id, {event.due, event.delay_id, true});
  }

  delivery.waits.spawn("the timers of delayed events", delivery.run_timers());
  delivery.dispatch();
  co_return store::StoreResult<void>();
}

void Delivery::expect(DelayId delay_id, Timestamp due) { implementation_->set_timer_for(due, delay_id); }

Task<SendNowAnswer> Delivery::send_now(DelayId delay_id, std::optional<domain::UserId> caller) {
  Implementation& delivery = *implementation_;
  if (delivery.stopping) co_return NotSent{"shutting down"};
  if (delivery.attempts.contains(delay_id)) {
    const auto found = co_await delivery.store.look_up(delay_id, std::move(caller));
    if (!found) co_return found.error();
    if (!*found) co_return store::NotFound{};
    co_return Effect::wait;
  }

  // Its own task, so that it has an end whatever becomes of its caller.
  const Reply reply = std::make_shared<std::optional<SendNowAnswer>>();
  delivery.tries.spawn("sending on request", delivery.send_on_request(delay_id, std::move(caller), reply));
  const async::Steady give_up = delivery.clock.steady_now() + delivery.options.longest_wait;
  while (!*reply && !delivery.drained && delivery.clock.steady_now() < give_up) {
    co_await delivery.settled.wait_until(delivery.clock, give_up);
  }
  if (*reply) co_return std::move(**reply);
  co_return NotSent{"the homeserver has given no clear answer yet"};
}

Task<void> Delivery::settled(DelayId delay_id) {
  Implementation& delivery = *implementation_;
  const async::Steady give_up = delivery.clock.steady_now() + delivery.options.longest_wait;
  while (delivery.attempts.contains(delay_id) && !delivery.drained && delivery.clock.steady_now() < give_up) {
    co_await delivery.settled.wait_until(delivery.clock, give_up);
  }
}

Task<void> Delivery::drain(std::chrono::milliseconds limit) {
  using namespace async::asio::experimental::awaitable_operators;
  Implementation& delivery = *implementation_;
  delivery.stopping = true;
  delivery.waits.stop();
  co_await delivery.waits.join();

  auto answered = delivery.tries.join();
  auto late = delivery.clock.sleep_for(limit);
  co_await (std::move(answered) || std::move(late));
  delivery.tries.stop();
  co_await delivery.tries.join();
  delivery.drained = true;
  delivery.settled.notify_all();  // those who wait for what will not come any more
}

}  // namespace afterword::delivery
