#include "delivery/delivery.h"

#include "async/condition.h"
#include "async/task_group.h"
#include "base/log.h"
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
// Steady time may stand still while the machine sleeps: how soon it is noticed that it has.
constexpr std::chrono::seconds longest_sleep{1};

// While another instance sends an earlier event of the room.
constexpr std::chrono::milliseconds pause_behind{100};
// So many attempts in a row without a clear answer: it is not the events, it is the homeserver.
constexpr unsigned unclear_is_away = 3;

// Where the answer to a `send` action appears.
using Reply = std::shared_ptr<std::optional<SendNowAnswer>>;

// What is being sent, from before it is claimed until its outcome is recorded.
struct UnderWay {
  Reply reply = nullptr;                            // for who asked for it
  async::Steady quiet_until{};                      // an earlier try may still be under way in the homeserver
  std::optional<async::Steady> unclear_since = {};  // when the first try had no clear answer
};

}  // namespace

struct Delivery::Implementation {
  Implementation(async::Executor executor, async::Clock& clock_, store::Store& store_,
                 homeserver::Homeserver& homeserver_, Options options_)
      : clock(clock_),
        store(store_),
        homeserver(homeserver_),
        options(options_),
        timers_changed(executor),
        settled(executor),
        waits(executor),
        tries(executor) {}

  // Timers.
  void set_timer(Timestamp when, DelayId delay_id);
  Task<void> run_timers();
  Task<void> fire(std::vector<Timer> fired);

  // What has no living owner: at start, everything.
  Task<store::StoreResult<void>> adopt();
  Task<void> keep_adopting();

  // Turns of rooms.
  void dispatch();
  Task<void> take_turn(Turn turn);
  Task<std::optional<DelayedEvent>> claim(Turn turn);
  Task<std::optional<DelayedEvent>> take_up(Turn turn);
  Task<void> attempt(Turn turn, DelayedEvent event);
  void try_again_later(const Turn& turn);
  void pause(const domain::RoomId& room_id);
  void resume_soon(const domain::RoomId& room_id, std::chrono::milliseconds time);
  Task<void> resume_after(domain::RoomId room_id, std::chrono::milliseconds time);

  // Attempts.
  Task<void> send_on_request(DelayId delay_id, std::optional<domain::UserId> caller, Reply reply);
  Task<NextStep> try_to_send(DelayedEvent event, bool may_have_arrived);
  Task<NextStep> resolve(DelayedEvent event);
  void note_unclear(DelayId delay_id);
  bool holds_too_long(DelayId delay_id);
  void set_aside(DelayId delay_id, unsigned failures);
  Task<void> resolve_aside_after(DelayId delay_id, unsigned failures);
  Task<void> resolve_aside(DelayId delay_id, unsigned failures);
  Task<void> record(DelayId delay_id, Finalise finalise);
  Task<void> record(DelayId delay_id, Release release);
  void settle(DelayId delay_id, SendNowAnswer answer);

  // The homeserver's absence.
  void homeserver_is_away(const std::string& reason, Milliseconds at_least = Milliseconds(0));
  void homeserver_is_back();
  bool is_away() const { return outage_failures > 0; }
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

  Timers timers;
  async::Condition timers_changed;

  RoomQueues rooms;
  std::size_t turns = 0;
  bool dispatching = false;

  std::unordered_map<DelayId, UnderWay> attempts;
  async::Condition settled;

  unsigned unclear_in_a_row = 0;
  unsigned outage_failures = 0;  // in a row; 0: the homeserver is there
  bool outage_pause = false;

  Timestamp grace_end;  // no timer of an adopted event fires before

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
    const Timestamp now = clock.now();
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
      set_timer(clock.now() + look_again, event.delay_id);
    } else if (event.due > now) {
      set_timer(event.due, event.delay_id);
    } else {
      rooms.push(event.room_id, {event.due, event.delay_id});
    }
  }
  dispatch();
}

// --- Adoption ---

Task<store::StoreResult<void>> Delivery::Implementation::adopt() {
  while (true) {
    const auto adopted = co_await store.adopt();
    if (!adopted) co_return adopted.error();
    if (adopted->empty()) co_return store::StoreResult<void>();

    std::vector<DelayId> sending;
    for (const store::Active& event : *adopted) {
      set_timer(std::max(event.due, grace_end), event.delay_id);
      const bool is_known = attempts.contains(event.delay_id);
      if (event.state == domain::State::sending && !is_known) sending.push_back(event.delay_id);
    }
    if (sending.empty()) continue;
    auto look = [this, &sending] { return store.look(sending); };
    const auto under_way = co_await insist(look);
    const async::Steady now = clock.steady_now();
    for (const store::Look& event : *under_way) {
      if (event.state != domain::State::sending) continue;
      attempts.emplace(event.delay_id, UnderWay{nullptr, now + options.quiet_time, now});
      rooms.push(event.room_id, {event.due, event.delay_id, true});
    }
  }
}

Task<void> Delivery::Implementation::keep_adopting() {
  while (!stopping) {
    co_await clock.sleep_for(options.adoption_interval);
    if (stopping) co_return;
    const auto adopted = co_await adopt();
    if (!adopted) log::warn("The database is not available: {}", adopted.error().reason);
    dispatch();
  }
}

// --- Turns of rooms ---

void Delivery::Implementation::dispatch() {
  if (dispatching) return;  // called by a turn that was over at once; the loop below goes on
  dispatching = true;
  // While the homeserver is away, one event at a time finds out whether it is back.
  const auto limit = [this] { return is_away() ? 1 : options.max_concurrent_sends; };
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
  if (attempts.contains(delay_id)) {  // on request
    rooms.end(turn);
    set_timer(clock.now() + look_again, delay_id);
    co_return std::nullopt;
  }

  attempts.emplace(delay_id, UnderWay{});
  // Only if it is due when its queue says: one that was restarted since has its place behind others, even if it is due.
  const domain::Attempt attempt{clock.to_wall(due), false};
  auto claimed = co_await store.claim(delay_id, std::nullopt, attempt, due);
  if (claimed && std::holds_alternative<DelayedEvent>(*claimed)) co_return std::get<DelayedEvent>(std::move(*claimed));

  settle(delay_id, Effect::wait);
  if (!claimed) {
    log::warn("The database is not available: {}", claimed.error().reason);
    try_again_later(turn);
    co_return std::nullopt;
  }
  if (std::holds_alternative<store::Behind>(*claimed)) {
    rooms.put_back(turn);
    if (rooms.pause(turn.room_id)) resume_soon(turn.room_id, pause_behind);
    co_return std::nullopt;
  }
  rooms.end(turn);
  const auto* met = std::get_if<store::Met>(&*claimed);
  if (met == nullptr || met->effect != Effect::wait) co_return std::nullopt;  // cancelled, or sent already
  const Timestamp due_now = met->timing.due();
  if (due_now <= due) {  // it is being sent
    set_timer(clock.now() + look_again, delay_id);
  } else if (due_now > clock.now()) {
    set_timer(due_now, delay_id);
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
  set_timer(clock.now(), delay_id);  // to see what has become of it
  co_return std::nullopt;
}

Task<void> Delivery::Implementation::attempt(Turn turn, DelayedEvent event) {
  const DelayId delay_id = event.delay_id;
  const bool on_request = event.attempt && event.attempt->on_request;
  auto trying = turn.event.under_way ? resolve(std::move(event)) : try_to_send(std::move(event), false);
  NextStep step = co_await std::move(trying);

  if (auto* finalise = std::get_if<Finalise>(&step)) {
    co_await record(delay_id, std::move(*finalise));
    rooms.end(turn);
  } else if (auto* release = std::get_if<Release>(&step)) {
    const Release released = *release;
    co_await record(delay_id, std::move(*release));
    if (on_request) {
      rooms.end(turn);  // it has its timer still
    } else {
      turn.event.under_way = false;
      rooms.put_back(turn);
      homeserver_is_away(std::get<NotSent>(released.answer).reason, released.retry_after.value_or(Milliseconds(0)));
    }
  } else if (auto* again = std::get_if<TryAgain>(&step)) {
    log::warn("Sending a delayed event has no clear outcome yet: {}", again->reason);
    turn.event.under_way = true;
    if (unclear_in_a_row >= unclear_is_away) homeserver_is_away(again->reason);
    if (is_away()) {
      rooms.put_back(turn);  // to be the one that finds out whether the homeserver is back
    } else if (holds_too_long(delay_id)) {
      rooms.end(turn);
      set_aside(delay_id, 1);
    } else {
      try_again_later(turn);
    }
  } else {
    rooms.end(turn);
    settle(delay_id, Effect::wait);
  }
}

void Delivery::Implementation::try_again_later(const Turn& turn) {
  rooms.put_back(turn);
  pause(turn.room_id);
}

void Delivery::Implementation::pause(const domain::RoomId& room_id) {
  const auto pauses = rooms.pause(room_id);
  if (pauses) resume_soon(room_id, delay_after(*pauses));
}

void Delivery::Implementation::resume_soon(const domain::RoomId& room_id, std::chrono::milliseconds pause_time) {
  waits.spawn("the pause of a room", resume_after(room_id, pause_time));
}

Task<void> Delivery::Implementation::resume_after(domain::RoomId room_id, std::chrono::milliseconds pause_time) {
  co_await clock.sleep_for(pause_time);
  rooms.resume(room_id);
  dispatch();
}

// --- Attempts ---

Task<void> Delivery::Implementation::send_on_request(DelayId delay_id, std::optional<domain::UserId> caller,
                                                     Reply reply) {
  attempts.emplace(delay_id, UnderWay{std::move(reply)});
  const Timestamp now = clock.now();
  const domain::Attempt attempt{clock.to_wall(now), true};
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
    set_timer(due, delay_id);  // it may have been another instance's
  } else if (std::holds_alternative<TryAgain>(step)) {
    rooms.push(room_id, {due, delay_id, true});
    pause(room_id);
  } else {
    settle(delay_id, Effect::wait);
  }
}

Task<NextStep> Delivery::Implementation::try_to_send(DelayedEvent event, bool may_have_arrived) {
  const domain::Attempt attempt = attempt_of(event);
  Try tried{attempt.on_request, event.event.device_id.has_value(), may_have_arrived};
  while (true) {
    if (!store.may_send(event.delay_id)) co_return Forget{};
    const homeserver::SendAnswer answer = co_await homeserver.send(event.delay_id, event.event, attempt);
    NextStep step = next_step(tried, answer);
    if (std::holds_alternative<homeserver::Unclear>(answer)) note_unclear(event.delay_id);
    if (std::holds_alternative<homeserver::Sent>(answer) || std::holds_alternative<homeserver::Refused>(answer)) {
      homeserver_is_back();
    }
    if (!std::holds_alternative<SendWithoutDevice>(step)) co_return step;
    event.event.device_id.reset();
    tried.with_device = false;
  }
}

// An attempt that may have arrived is looked for before it is sent again.
Task<NextStep> Delivery::Implementation::resolve(DelayedEvent event) {
  const domain::Attempt attempt = attempt_of(event);
  // A look that began earlier could have missed what was still on its way.
  const auto under_way = attempts.find(event.delay_id);
  const bool is_quiet = under_way == attempts.end() || clock.steady_now() >= under_way->second.quiet_until;
  const homeserver::LookAnswer look = co_await homeserver.look_for(event.delay_id, event.event, attempt);
  if (const auto* cannot = std::get_if<homeserver::CannotTell>(&look)) {
    ++unclear_in_a_row;
    co_return TryAgain{cannot->reason};
  }
  homeserver_is_back();
  if (std::holds_alternative<homeserver::MayNotLook>(look)) {
    if (!is_quiet) co_return TryAgain{"its owner may not look for it"};
    co_return co_await try_to_send(std::move(event), true);
  }

  // The same may have been sent at the same millisecond by another delayed event; that one's outcome is recorded.
  std::vector<domain::EventId> candidates = std::get<homeserver::Candidates>(look).events;
  if (!candidates.empty()) {
    const auto recorded = co_await store.find_sent(event.event.user_id, candidates);
    if (!recorded) co_return TryAgain{recorded.error().reason};
    std::erase_if(candidates, [&](const domain::EventId& candidate) {
      return std::any_of(recorded->begin(), recorded->end(),
                         [&](const store::SentEvent& sent) { return sent.event_id == candidate; });
    });
  }
  if (!candidates.empty()) co_return Finalise{candidates.front()};
  if (!is_quiet) co_return TryAgain{"it is not in its room; it may still be on its way there"};
  co_return co_await try_to_send(std::move(event), false);
}

void Delivery::Implementation::note_unclear(DelayId delay_id) {
  ++unclear_in_a_row;
  const auto found = attempts.find(delay_id);
  if (found == attempts.end()) return;
  found->second.quiet_until = clock.steady_now() + options.quiet_time;
  if (!found->second.unclear_since) found->second.unclear_since = clock.steady_now();
}

bool Delivery::Implementation::holds_too_long(DelayId delay_id) {
  const auto found = attempts.find(delay_id);
  if (found == attempts.end() || !found->second.unclear_since) return false;
  return clock.steady_now() - *found->second.unclear_since >= options.longest_hold;
}

void Delivery::Implementation::set_aside(DelayId delay_id, unsigned failures) {
  waits.spawn("the pause of an attempt set aside", resolve_aside_after(delay_id, failures));
}

Task<void> Delivery::Implementation::resolve_aside_after(DelayId delay_id, unsigned failures) {
  co_await clock.sleep_for(delay_after(failures));
  if (!stopping) tries.spawn("resolving an attempt set aside", resolve_aside(delay_id, failures));
}

Task<void> Delivery::Implementation::resolve_aside(DelayId delay_id, unsigned failures) {
  auto found = co_await store.look_up(delay_id, std::nullopt);
  if (!found) {
    set_aside(delay_id, failures + 1);
    co_return;
  }
  if (!*found || (*found)->state != domain::State::sending) {
    settle(delay_id, Effect::wait);
    set_timer(clock.now(), delay_id);
    co_return;
  }
  const Timestamp due = (*found)->timing.due();
  NextStep step = co_await resolve(std::move(**found));
  if (auto* finalise = std::get_if<Finalise>(&step)) {
    co_await record(delay_id, std::move(*finalise));
  } else if (auto* release = std::get_if<Release>(&step)) {
    co_await record(delay_id, std::move(*release));
    set_timer(due, delay_id);
  } else if (std::holds_alternative<TryAgain>(step)) {
    set_aside(delay_id, failures + 1);
  } else {
    settle(delay_id, Effect::wait);
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
  if (attempt && attempt.mapped().reply) attempt.mapped().reply->emplace(std::move(answer));
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
void Delivery::Implementation::homeserver_is_away(const std::string& reason, Milliseconds at_least) {
  if (outage_pause) return;  // noticed by an event that left at the same time
  if (outage_failures++ == 0) log::warn("The homeserver takes no events: {}", reason);
  outage_pause = true;
  const auto pause_time = std::max<Milliseconds>(delay_after(outage_failures), at_least);
  waits.spawn("the pause of an outage", end_outage_pause_after(pause_time));
}

void Delivery::Implementation::homeserver_is_back() {
  if (outage_failures > 0) log::info("The homeserver takes events again");
  outage_failures = 0;
  unclear_in_a_row = 0;
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
  delivery.grace_end = delivery.clock.now() + delivery.options.start_grace;
  const auto adopted = co_await delivery.adopt();
  if (!adopted) co_return adopted.error();
  delivery.waits.spawn("the timers of delayed events", delivery.run_timers());
  delivery.waits.spawn("adopting delayed events", delivery.keep_adopting());
  delivery.dispatch();
  co_return store::StoreResult<void>();
}

void Delivery::expect(DelayId delay_id, Timestamp due) { implementation_->set_timer(due, delay_id); }

void Delivery::restarted(DelayId delay_id, Timestamp due) {
  Implementation& delivery = *implementation_;
  if (due < delivery.grace_end) delivery.set_timer(due, delay_id);
}

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
