#include "store/testing/contract.h"

#include "store/list_page.h"
#include "store/testing/new_event.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <set>
#include <tuple>

namespace afterword::store::testing {
namespace {

using namespace std::chrono_literals;
using domain::Action;
using domain::Attempt;
using domain::Cancelled;
using domain::Decision;
using domain::DelayedEvent;
using domain::Effect;
using domain::EventId;
using domain::EventKind;
using domain::Finalised;
using domain::HomeserverError;
using domain::NewDelayedEvent;
using domain::RoomId;
using domain::Standing;
using domain::State;
using domain::TransactionKey;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const UserId bob("@bob:example.org");
const RoomId kitchen("!kitchen:example.org");
const RoomId garden("!garden:example.org");
constexpr std::array all_states{State::scheduled, State::sending, State::sent, State::failed, State::cancelled};

NewDelayedEvent with_transaction(NewDelayedEvent event, std::string_view txn_id) {
  event.transaction = TransactionKey::of(event.event.user_id, event.event.device_id, "/send", txn_id);
  return event;
}

Finalised sent_at(Timestamp when) { return {when, EventId("$event")}; }

Standing standing_of(const DelayedEvent& event) { return {event.state, event.timing}; }

std::optional<ActionResult> met_of(const ActionAnswer& answer) {
  const auto* met = std::get_if<ActionResult>(&answer);
  return met == nullptr ? std::nullopt : std::optional(*met);
}

Effect effect_in(const ActionAnswer& answer) { return std::get<ActionResult>(answer).effect; }

std::vector<DelayId> ids_of(const ListPage& page) {
  std::vector<DelayId> ids;
  for (const auto& event : page.events) ids.push_back(event.delay_id);
  return ids;
}

std::vector<DelayId> ids_of(const std::vector<Adopted>& active) {
  std::vector<DelayId> ids;
  for (const auto& event : active) ids.push_back(event.delay_id);
  return ids;
}

}  // namespace

std::string name_of_variant(const ::testing::TestParamInfo<Variant>& info) { return info.param.name; }

void PrintTo(const Variant& variant, std::ostream* stream) { *stream << variant.name; }

StoreContract::StoreContract() : backend_(GetParam().make()), store_(backend_->open(runner_.executor())) {}

StoreContract::~StoreContract() { runner_.run(store_->close()); }

void StoreContract::reopen() {
  runner_.run(store_->close());
  store_.reset();
  store_ = backend_->open(runner_.executor());
  adopted_.clear();
  while (true) {
    const auto some = runner_.run(store_->adopt()).value();
    if (some.empty()) return;
    adopted_.insert(adopted_.end(), some.begin(), some.end());
  }
}

DelayId StoreContract::event_in(State state, NewDelayedEvent event) {
  const DelayId delay_id = event.delay_id;
  const Timestamp due = event.timing.due();
  EXPECT_TRUE(std::get<Scheduled>(answer(store().schedule(event, std::nullopt))).created);
  if (state == State::cancelled) answer(store().cancel(delay_id, std::nullopt, due));
  if (state == State::scheduled || state == State::cancelled) return delay_id;

  const Attempt attempt{to_wall(due, 0ms)};
  answer(store().claim(delay_id, std::nullopt, attempt, due));
  if (state == State::sent) answer(store().finalise(delay_id, sent_at(due)));
  if (state == State::failed) {
    const Finalised failed{due, HomeserverError{403, R"({"errcode":"M_FORBIDDEN"})"}};
    answer(store().finalise(delay_id, failed));
  }
  return delay_id;
}

ActionAnswer StoreContract::restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now, bool in_company) {
  std::vector<Task<StoreResult<ActionAnswer>>> verbs;
  verbs.push_back(store().restart(delay_id, std::move(caller), now));
  if (in_company) verbs.push_back(store().cancel(DelayId::random(), std::nullopt, now));
  return answers(std::move(verbs)).front();
}

DelayedEvent StoreContract::look_up(DelayId delay_id) {
  return answer(store().look_up(delay_id, std::nullopt)).value();
}

TEST_P(StoreContract, TimeGoesOnWhateverTheWallClockDoes) {
  MachineTime machine{"a boot", 1h, wall_noon};
  Timestamp before = answer(store().save_time(machine)).at(machine);
  for (const auto step : {0h, 5h, -9h}) {
    machine.since_boot += 10s;
    machine.wall += 10s + step;
    const ServerTime time = answer(store().save_time(machine));
    EXPECT_GE(time.at(machine), before);
    EXPECT_LE(std::chrono::abs(to_wall(time.at(machine), time.wall_offset) - machine.wall), 100ms);
    before = time.at(machine);
  }
}

TEST_P(StoreContract, KeepsAllOfAnEvent) {
  auto event = new_event(alice);
  event.event.device_id = domain::DeviceId("PHONE");
  event.event.kind = EventKind::state;
  event.event.type = "org.matrix.msc3401.call.member";
  event.event.state_key = std::string("a\0b", 3);
  event.event.redacts = EventId("$other");
  event.event.content = R"({"text":"snö"})";
  event.event.sticky_duration = 5min;
  event.event.origin_server_ts = wall_noon - 1h;
  scheduled(event);

  const auto found = look_up(event.delay_id);
  EXPECT_EQ(found.delay_id, event.delay_id);
  EXPECT_EQ(found.event->user_id, alice);
  EXPECT_EQ(found.event->device_id, event.event.device_id);
  EXPECT_EQ(found.event->room_id, kitchen);
  EXPECT_EQ(found.event->kind, EventKind::state);
  EXPECT_EQ(found.event->type, event.event.type);
  EXPECT_EQ(found.event->state_key, event.event.state_key);
  EXPECT_EQ(found.event->redacts, event.event.redacts);
  EXPECT_EQ(found.event->content, event.event.content);
  EXPECT_EQ(found.event->sticky_duration, event.event.sticky_duration);
  EXPECT_EQ(found.event->origin_server_ts, event.event.origin_server_ts);
  EXPECT_EQ(found.timing.delayed_since, noon);
  EXPECT_EQ(found.timing.delay, 10s);
  EXPECT_EQ(found.state, State::scheduled);
  EXPECT_FALSE(found.attempt);
  EXPECT_FALSE(found.finalised);
}

TEST_P(StoreContract, TellsWhatIsAbsentFromWhatIsEmpty) {
  const auto found = look_up(scheduled(new_event(alice)));
  EXPECT_FALSE(found.event->device_id);
  EXPECT_FALSE(found.event->sticky_duration);
  EXPECT_FALSE(found.event->origin_server_ts);
  EXPECT_EQ(found.event->state_key, "");
}

TEST_P(StoreContract, AnswersAKnownTransactionWithItsFirstEvent) {
  const auto first = with_transaction(new_event(alice), "1");
  const auto again = with_transaction(new_event(alice), "1");
  const auto other = with_transaction(new_event(alice), "2");
  EXPECT_EQ(answer(store().find_transaction(*first.transaction)), std::nullopt);
  scheduled(first);

  EXPECT_EQ(answer(store().find_transaction(*first.transaction)), first.delay_id);
  // Also beyond the limit: nothing new is asked for.
  const auto repeated = std::get<Scheduled>(answer(store().schedule(again, 1)));
  EXPECT_EQ(repeated.delay_id, first.delay_id);
  EXPECT_FALSE(repeated.created);
  EXPECT_FALSE(answer(store().look_up(again.delay_id, std::nullopt)));
  EXPECT_TRUE(std::get<Scheduled>(answer(store().schedule(other, 2))).created);

  answer(store().cancel(first.delay_id, std::nullopt, noon));
  EXPECT_EQ(std::get<Scheduled>(answer(store().schedule(again, 2))).delay_id, first.delay_id);
}

TEST_P(StoreContract, LimitsWhatAUserHasScheduledOrSending) {
  const auto first = scheduled(new_event(alice, 20s));
  const auto second = event_in(State::sending, new_event(alice, 30s));
  event_in(State::cancelled, new_event(alice, 1s));
  scheduled(new_event(bob, 1s));

  const auto third = new_event(alice);
  auto refused = answer(store().schedule(third, 2));
  EXPECT_EQ(std::get<TooManyScheduled>(refused).next_send, noon + 20s);
  answer(store().restart(first, std::nullopt, noon + 1h));
  refused = answer(store().schedule(third, 2));
  EXPECT_EQ(std::get<TooManyScheduled>(refused).next_send, noon + 30s);
  EXPECT_FALSE(answer(store().look_up(third.delay_id, std::nullopt)));

  answer(store().finalise(second, sent_at(noon + 30s)));
  EXPECT_TRUE(std::get<Scheduled>(answer(store().schedule(third, 2))).created);
}

TEST_P(StoreContract, LimitsEachEventByItsOwnLimit) {
  scheduled(new_event(alice));
  EXPECT_TRUE(std::holds_alternative<TooManyScheduled>(answer(store().schedule(new_event(alice), 1))));
  EXPECT_TRUE(std::get<Scheduled>(answer(store().schedule(new_event(alice), 2))).created);
  EXPECT_TRUE(std::holds_alternative<TooManyScheduled>(answer(store().schedule(new_event(alice), 1))));
}

// Every verb in every state, by whoever may and may not, against the decisions of the domain: whatever decides in the
// store, its SQL too, decides like those.
TEST_P(StoreContract, DecidesEveryVerbInEveryStateAsTheDomainDoes) {
  for (const State state : all_states) {
    for (const auto& caller : {std::optional(alice), std::optional(bob), std::optional<UserId>()}) {
      SCOPED_TRACE(static_cast<int>(state));
      SCOPED_TRACE(caller ? caller->value : "whoever knows the delay_id");
      const auto expect = [&](const DelayId& delay_id, const std::optional<ActionResult>& met, const Standing& found,
                              const Decision& decision) {
        const bool may_act = domain::may_act(caller, alice.value);
        ASSERT_EQ(met.has_value(), may_act);
        EXPECT_EQ(met.value_or(ActionResult{decision.effect, {}}).effect, decision.effect);
        EXPECT_EQ(met.value_or(ActionResult{{}, decision.after.timing}).timing, decision.after.timing);
        EXPECT_EQ(standing_of(look_up(delay_id)), may_act ? decision.after : found);
      };
      for (const auto now : {noon + 1s, noon - 1s}) {
        for (const bool in_company : {false, true}) {
          const auto delay_id = event_in(state, new_event(alice));
          const Standing found = standing_of(look_up(delay_id));
          const auto met = met_of(restart(delay_id, caller, now, in_company));
          expect(delay_id, met, found, domain::decide_restart(found, now));
        }
      }
      {
        const auto delay_id = event_in(state, new_event(alice));
        const Standing found = standing_of(look_up(delay_id));
        const auto met = met_of(answer(store().cancel(delay_id, caller, noon + 1s)));
        expect(delay_id, met, found, domain::decide_cancel(found));
      }
      for (const auto& [on_request, now] :
           {std::pair(true, noon), std::pair(false, noon), std::pair(false, noon + 10s)}) {
        const Attempt attempt{wall_noon, on_request};
        const auto delay_id = event_in(state, new_event(alice));
        const Standing found = standing_of(look_up(delay_id));
        const Decision decision = domain::decide_claim(found, attempt, now);
        const auto claimed = answer(store().claim(delay_id, caller, attempt, now));
        std::optional<ActionResult> met;
        if (const auto* event = std::get_if<DelayedEvent>(&claimed)) met = ActionResult{Effect::perform, event->timing};
        if (const auto* left = std::get_if<ActionResult>(&claimed)) met = *left;
        EXPECT_EQ(std::holds_alternative<DelayedEvent>(claimed), decision.performs() && met);
        expect(delay_id, met, found, decision);
        answer(store().finalise(delay_id, sent_at(noon)));  // so that it is in nobody's way
      }
    }
    SCOPED_TRACE(static_cast<int>(state));
    const auto released = event_in(state, new_event(alice));
    Standing found = standing_of(look_up(released));
    answer(store().release(released));
    EXPECT_EQ(standing_of(look_up(released)), domain::decide_release(found, true).after);
    for (const domain::Outcome& outcome :
         {domain::Outcome(EventId("$event")), domain::Outcome(HomeserverError{403, "{}"})}) {
      const auto finalised = event_in(state, new_event(alice));
      found = standing_of(look_up(finalised));
      const Finalised at_one{noon + 1h, outcome};
      answer(store().finalise(finalised, at_one));
      EXPECT_EQ(standing_of(look_up(finalised)), domain::decide_finalise(found, true, outcome).after);
    }
  }
}

TEST_P(StoreContract, RestartMovesTheTime) {
  const auto delay_id = scheduled(new_event(alice));
  const auto met = std::get<ActionResult>(answer(store().restart(delay_id, alice, noon + 4s)));
  EXPECT_EQ(met.effect, Effect::perform);
  EXPECT_EQ(met.timing.due(), noon + 14s);
  EXPECT_EQ(look_up(delay_id).timing.delayed_since, noon + 4s);

  // One that was overtaken, because its process or its way to the store stood still, takes nothing back.
  const auto overtaken = std::get<ActionResult>(answer(store().restart(delay_id, alice, noon + 2s)));
  EXPECT_EQ(overtaken.effect, Effect::perform);
  EXPECT_EQ(overtaken.timing.due(), noon + 14s);
  EXPECT_EQ(look_up(delay_id).timing.due(), noon + 14s);
}

TEST_P(StoreContract, OfRestartsAtOnceTheLatestCounts) {
  const auto delay_id = scheduled(new_event(alice));
  std::vector<Task<StoreResult<ActionAnswer>>> verbs;
  for (const auto later : {3s, 5s, 1s, 4s}) verbs.push_back(store().restart(delay_id, std::nullopt, noon + later));
  for (const auto& restarted : answers(std::move(verbs))) EXPECT_EQ(effect_in(restarted), Effect::perform);
  EXPECT_EQ(look_up(delay_id).timing.due(), noon + 15s);
}

TEST_P(StoreContract, KeepsManyRestartsThroughReopening) {
  std::vector<DelayId> ids;
  std::vector<Timestamp> expected;
  for (int i = 0; i < 40; ++i) {
    ids.push_back(scheduled(new_event(alice)));
    expected.push_back(noon);
  }
  for (std::size_t round = 1; round <= 10; ++round) {
    std::vector<Task<StoreResult<ActionAnswer>>> verbs;
    for (std::size_t i = round % 3; i < ids.size(); i += 1 + round % 3) {
      expected[i] = noon + Milliseconds(1000 * round + i);
      verbs.push_back(store().restart(ids[i], std::nullopt, expected[i]));
    }
    answers(std::move(verbs));
    // Events come and go meanwhile, and take each other's places.
    answer(store().cancel(ids[round], std::nullopt, noon));
    ids[round] = scheduled(new_event(bob));
    expected[round] = noon;
    if (round % 4 == 0) reopen();
  }
  reopen();
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(look_up(ids[i]).timing.delayed_since, expected[i]) << i;
}

TEST_P(StoreContract, ShowsTheLastRestartOfAFinalisedEvent) {
  const auto cancelled = scheduled(new_event(alice));
  const auto sent = scheduled(new_event(alice));
  answer(store().restart(cancelled, std::nullopt, noon + 5s));
  answer(store().restart(sent, std::nullopt, noon + 6s));
  answer(store().cancel(cancelled, std::nullopt, noon + 7s));
  const Attempt attempt{wall_noon + 16s};
  answer(store().claim(sent, std::nullopt, attempt, noon + 16s));
  answer(store().finalise(sent, sent_at(noon + 17s)));
  reopen();

  const auto first = look_up(cancelled);
  EXPECT_EQ(first.timing.delayed_since, noon + 5s);
  EXPECT_EQ(first.finalised->finalised_ts, noon + 7s);
  EXPECT_TRUE(std::holds_alternative<Cancelled>(first.finalised->outcome));
  const auto second = look_up(sent);
  EXPECT_EQ(second.timing.delayed_since, noon + 6s);
  EXPECT_EQ(std::get<EventId>(second.finalised->outcome), EventId("$event"));
}

TEST_P(StoreContract, ClaimsByTimeOnlyWhatIsDue) {
  const auto delay_id = scheduled(new_event(alice));
  answer(store().restart(delay_id, std::nullopt, noon + 5s));
  const Attempt attempt{wall_noon + 15s};
  const auto early = answer(store().claim(delay_id, std::nullopt, attempt, noon + 14'999ms));
  EXPECT_EQ(std::get<ActionResult>(early).effect, Effect::wait);
  EXPECT_EQ(std::get<ActionResult>(early).timing.due(), noon + 15s);
  EXPECT_EQ(look_up(delay_id).state, State::scheduled);

  const auto claimed = std::get<DelayedEvent>(answer(store().claim(delay_id, std::nullopt, attempt, noon + 15s)));
  EXPECT_EQ(claimed.state, State::sending);
  EXPECT_EQ(claimed.event->content, R"({"body":"hello"})");
  EXPECT_EQ(claimed.timing.delayed_since, noon + 5s);
  EXPECT_EQ(claimed.attempt->origin_server_ts, wall_noon + 15s);
  EXPECT_FALSE(claimed.attempt->on_request);
}

TEST_P(StoreContract, RemembersAnAttemptUntilItIsReleased) {
  const auto delay_id = scheduled(new_event(alice));
  const Attempt attempt{wall_noon + 1s, true};
  answer(store().claim(delay_id, alice, attempt, noon + 1s));
  reopen();
  auto found = look_up(delay_id);
  EXPECT_EQ(found.state, State::sending);
  EXPECT_EQ(found.attempt->origin_server_ts, wall_noon + 1s);
  EXPECT_TRUE(found.attempt->on_request);

  answer(store().release(delay_id));
  found = look_up(delay_id);
  EXPECT_EQ(found.state, State::scheduled);
  EXPECT_FALSE(found.attempt);
  EXPECT_EQ(effect_in(answer(store().restart(delay_id, alice, noon + 2s))), Effect::perform);
}

TEST_P(StoreContract, KeepsTheFirstOutcome) {
  const auto delay_id = event_in(State::failed, new_event(alice));
  answer(store().finalise(delay_id, sent_at(noon + 1h)));
  const auto found = look_up(delay_id);
  EXPECT_EQ(found.finalised->finalised_ts, noon + 10s);
  EXPECT_FALSE(found.attempt);
  const auto& error = std::get<HomeserverError>(found.finalised->outcome);
  EXPECT_EQ(error.status, 403);
  EXPECT_EQ(error.body, R"({"errcode":"M_FORBIDDEN"})");
}

TEST_P(StoreContract, HidesAnEventFromOtherUsers) {
  for (const State state : all_states) {
    const auto delay_id = event_in(state, new_event(alice));
    const Attempt attempt{wall_noon + 10s};
    EXPECT_TRUE(std::holds_alternative<NotFound>(answer(store().restart(delay_id, bob, noon))));
    EXPECT_TRUE(std::holds_alternative<NotFound>(answer(store().cancel(delay_id, bob, noon))));
    EXPECT_TRUE(std::holds_alternative<NotFound>(answer(store().claim(delay_id, bob, attempt, noon + 10s))));
    EXPECT_FALSE(answer(store().look_up(delay_id, bob)));
    EXPECT_EQ(look_up(delay_id).state, state);
    EXPECT_TRUE(answer(store().look_up(delay_id, alice)));
  }
  EXPECT_THAT(answer(store().list(bob, {})).events, IsEmpty());
}

TEST_P(StoreContract, KnowsNoEventThatWasNotScheduled) {
  const auto unknown = DelayId::random();
  const Attempt attempt{wall_noon};
  EXPECT_TRUE(std::holds_alternative<NotFound>(answer(store().restart(unknown, std::nullopt, noon))));
  EXPECT_TRUE(std::holds_alternative<NotFound>(answer(store().cancel(unknown, std::nullopt, noon))));
  EXPECT_TRUE(std::holds_alternative<NotFound>(answer(store().claim(unknown, std::nullopt, attempt, noon))));
  EXPECT_FALSE(answer(store().look_up(unknown, std::nullopt)));
  answer(store().release(unknown));
  answer(store().finalise(unknown, sent_at(noon)));
}

TEST_P(StoreContract, CancelsAllThatAUserHasScheduled) {
  const auto scheduled_one = scheduled(new_event(alice));
  const auto scheduled_two = scheduled(new_event(alice));
  const auto sending = event_in(State::sending, new_event(alice));
  const auto other = scheduled(new_event(bob));
  EXPECT_EQ(answer(store().cancel_all(alice, noon + 1s)), 2u);
  EXPECT_EQ(look_up(scheduled_one).state, State::cancelled);
  EXPECT_EQ(look_up(scheduled_two).finalised->finalised_ts, noon + 1s);
  EXPECT_EQ(look_up(sending).state, State::sending);
  EXPECT_EQ(look_up(other).state, State::scheduled);
  EXPECT_EQ(answer(store().cancel_all(alice, noon + 2s)), 0u);
}

TEST_P(StoreContract, ShowsTimersWhatIsActiveAndLetsAStartAdoptIt) {
  std::vector<DelayId> ids;
  for (const State state : all_states) ids.push_back(event_in(state, new_event(alice)));
  answer(store().restart(ids[0], std::nullopt, noon + 1s));
  reopen();
  EXPECT_THAT(ids_of(adopted_), UnorderedElementsAre(ids[0], ids[1]));
  for (const auto& active : adopted_) {
    EXPECT_EQ(active.state, active.delay_id == ids[0] ? State::scheduled : State::sending);
    EXPECT_EQ(active.due, active.delay_id == ids[0] ? noon + 11s : noon + 10s);
  }

  ids.push_back(DelayId::random());
  const auto found = answer(store().find_active(ids));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].delay_id, ids[0]);
  EXPECT_EQ(found[0].timing.delayed_since, noon + 1s);
  EXPECT_EQ(found[0].timing.due(), noon + 11s);
  EXPECT_EQ(found[0].room_id, kitchen);
  EXPECT_EQ(found[0].user_id, alice);
  EXPECT_EQ(found[1].state, State::sending);
}

TEST_P(StoreContract, ListsByScheduledTimeAndFilters) {
  std::vector<DelayId> ids;
  for (std::size_t i = 0; i < all_states.size(); ++i) {
    auto event = new_event(alice, Milliseconds(1000 * (static_cast<int>(i) + 1)));
    event.event.room_id = i % 2 == 0 ? kitchen : garden;
    event.event.type = i < 3 ? "m.room.message" : "m.reaction";
    ids.push_back(event_in(all_states[i], event));
  }
  const auto listed = [&](const ListQuery& query) { return ids_of(answer(store().list(alice, query))); };

  EXPECT_THAT(listed({}), ElementsAre(ids[0], ids[1], ids[2], ids[3], ids[4]));
  ListQuery query;
  query.direction = Direction::backwards;
  EXPECT_THAT(listed(query), ElementsAre(ids[4], ids[3], ids[2], ids[1], ids[0]));
  query = {};
  query.from_ts = noon + 2s;
  query.to_ts = noon + 4s;
  EXPECT_THAT(listed(query), ElementsAre(ids[1], ids[2], ids[3]));
  query = {};
  query.room_id = garden;
  EXPECT_THAT(listed(query), ElementsAre(ids[1], ids[3]));
  query.type = "m.reaction";
  EXPECT_THAT(listed(query), ElementsAre(ids[3]));
  query = {};
  query.states = {State::scheduled};
  EXPECT_THAT(listed(query), ElementsAre(ids[0], ids[1]));
  query.states = {State::sent, State::cancelled};
  EXPECT_THAT(listed(query), ElementsAre(ids[2], ids[4]));
  query.states = {State::scheduled, State::failed};
  query.type = "m.reaction";
  EXPECT_THAT(listed(query), ElementsAre(ids[3]));

  // A restart moves it in the list.
  answer(store().restart(ids[0], std::nullopt, noon + 1min));
  EXPECT_THAT(listed({}), ElementsAre(ids[1], ids[2], ids[3], ids[4], ids[0]));
}

// Whatever a store keeps of one list for the next.
TEST_P(StoreContract, ListsShowWhatLookUpsShowWhileEventsComeAndGo) {
  std::mt19937 random(7);
  std::vector<DelayId> ids;
  for (int step = 0; step < 120; ++step) {
    const bool is_new = ids.empty() || random() % 3 == 0;
    if (is_new) ids.push_back(scheduled(new_event(random() % 2 == 0 ? alice : bob, Milliseconds(1 + random() % 100))));
    const DelayId& chosen = ids[random() % ids.size()];
    const Timestamp now = noon + Milliseconds(step);
    switch (is_new ? 9 : random() % 6) {
      case 0:
        answer(store().cancel(chosen, std::nullopt, now));
        break;
      case 1:
      case 2:
        answer(store().restart(chosen, std::nullopt, now));
        break;
      case 3:
        answer(store().claim(chosen, std::nullopt, Attempt{to_wall(now, 0ms), true}, now));
        break;
      case 4:
        answer(store().release(chosen));
        break;
      case 5:
        answer(store().finalise(chosen, sent_at(now)));
        break;
      default:
        break;
    }
    for (const UserId& user : {alice, bob}) {
      std::vector<std::tuple<Timestamp, DelayId, State, bool>> expected;
      for (const DelayId& id : ids) {
        const auto event = answer(store().look_up(id, user));
        if (event) expected.emplace_back(event->timing.due(), id, event->state, event->attempt.has_value());
      }
      std::ranges::sort(expected);
      std::vector<std::tuple<Timestamp, DelayId, State, bool>> listed;
      for (const auto& event : answer(store().list(user, {})).events) {
        listed.emplace_back(event.timing.due(), event.delay_id, event.state, event.attempt.has_value());
        EXPECT_EQ(event.event->user_id, user);
        EXPECT_EQ(event.event->content, new_event(user).event.content);
      }
      ASSERT_EQ(listed, expected) << "after step " << step;
    }
  }
}

// So that many at once take a bounded room.
TEST_P(StoreContract, APageEndsByItsBytesToo) {
  std::vector<DelayId> ids;
  for (int i = 0; i < 7; ++i) {
    auto event = new_event(alice, Milliseconds(1000 * (i + 1)));
    event.event.content = R"({"body":")" + std::string(max_page_bytes / 3 - 11, 'x') + R"("})";
    ids.push_back(event_in(i % 2 == 0 ? State::cancelled : State::scheduled, event));
  }
  for (const Direction direction : {Direction::forwards, Direction::backwards}) {
    ListQuery query;
    query.direction = direction;
    std::vector<std::size_t> lengths;
    std::vector<DelayId> seen;
    for (bool more = true; more;) {
      const auto page = answer(store().list(alice, query));
      lengths.push_back(page.events.size());
      for (const auto& id : ids_of(page)) seen.push_back(id);
      query.after = ListPosition{page.events.back().timing.due(), page.events.back().delay_id};
      more = page.more;
    }
    if (direction == Direction::backwards) std::ranges::reverse(seen);
    EXPECT_EQ(seen, ids);
    EXPECT_THAT(lengths, ElementsAre(3, 3, 1));
  }
}

// What one failed with may be as large as a content.
TEST_P(StoreContract, ErrorsTakeRoomInAPage) {
  for (int i = 0; i < 2; ++i) {
    const auto event = event_in(State::sending, new_event(alice, Milliseconds(1000 * (i + 1))));
    answer(store().finalise(event, {noon, HomeserverError{403, std::string(max_page_bytes, ' ')}}));
  }
  EXPECT_EQ(answer(store().list(alice, {})).events.size(), 1u);
}

TEST_P(StoreContract, PagesStayInPlaceWhileEventsComeAndGo) {
  for (const Direction direction : {Direction::forwards, Direction::backwards}) {
    const UserId user(direction == Direction::forwards ? "@first:example.org" : "@second:example.org");
    std::set<DelayId> expected;
    for (int i = 0; i < 12; ++i) {
      // Many share one time: the delay_id decides.
      const State state = i % 3 == 0 ? State::cancelled : State::scheduled;
      expected.insert(event_in(state, new_event(user, Milliseconds(1000 * (1 + i / 6)))));
    }
    std::vector<DelayId> seen;
    ListQuery query;
    query.direction = direction;
    query.limit = 5;
    for (int pages = 0; pages < 10; ++pages) {
      const auto page = answer(store().list(user, query));
      for (const auto& event : page.events) seen.push_back(event.delay_id);
      if (!page.more) break;
      ASSERT_EQ(page.events.size(), 5u);
      const auto& last = page.events.back();
      query.after = ListPosition{last.timing.due(), last.delay_id};
      // What was shown goes, and something comes before it: the next page is the same.
      answer(store().cancel(page.events.front().delay_id, std::nullopt, noon));
      scheduled(new_event(user, direction == Direction::forwards ? Milliseconds(1) : Milliseconds(3'600'000)));
    }
    EXPECT_EQ(seen.size(), expected.size());
    EXPECT_EQ(std::set(seen.begin(), seen.end()), expected);
  }
}

TEST_P(StoreContract, SchedulesATransactionOnceHoweverManyAskAtOnce) {
  std::vector<NewDelayedEvent> events;
  for (int i = 0; i < 50; ++i) events.push_back(with_transaction(new_event(alice), "one"));
  std::vector<Task<StoreResult<ScheduleAnswer>>> verbs;
  for (const auto& event : events) verbs.push_back(store().schedule(event, 10));

  std::set<DelayId> ids;
  int created = 0;
  for (const auto& scheduled : answers(std::move(verbs))) {
    ids.insert(std::get<Scheduled>(scheduled).delay_id);
    created += std::get<Scheduled>(scheduled).created ? 1 : 0;
  }
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(created, 1);
  reopen();
  EXPECT_EQ(adopted_.size(), 1u);
}

TEST_P(StoreContract, HoldsTheLimitHoweverManyAskAtOnce) {
  std::vector<NewDelayedEvent> events;
  for (int i = 0; i < 50; ++i) events.push_back(new_event(i % 2 == 0 ? alice : bob));
  std::vector<Task<StoreResult<ScheduleAnswer>>> verbs;
  for (const auto& event : events) verbs.push_back(store().schedule(event, 7));
  const auto all = answers(std::move(verbs));
  const auto created =
      std::count_if(all.begin(), all.end(), [](const auto& one) { return std::holds_alternative<Scheduled>(one); });
  EXPECT_EQ(created, 14);
  EXPECT_EQ(answer(store().list(alice, {})).events.size(), 7u);
}

TEST_P(StoreContract, LetsExactlyOneOfRacingActionsWin) {
  for (int i = 0; i < 10; ++i) {
    const auto delay_id = scheduled(new_event(alice));
    std::optional<StoreResult<ActionAnswer>> cancel;
    std::optional<StoreResult<ClaimAnswer>> claim;
    struct Racer {
      static Task<void> cancel(Store& store, DelayId id, std::optional<StoreResult<ActionAnswer>>& answer) {
        answer = co_await store.cancel(id, std::nullopt, noon);
      }
      static Task<void> claim(Store& store, DelayId id, std::optional<StoreResult<ClaimAnswer>>& answer) {
        const Attempt attempt{wall_noon, true};
        answer = co_await store.claim(id, std::nullopt, attempt, noon);
      }
    };
    if (i % 2 == 0) runner_.start(Racer::cancel(store(), delay_id, cancel));
    runner_.start(Racer::claim(store(), delay_id, claim));
    if (i % 2 == 1) runner_.start(Racer::cancel(store(), delay_id, cancel));
    runner_.run_started();

    const bool cancelled = effect_in(cancel->value()) == Effect::perform;
    const bool claimed = std::holds_alternative<DelayedEvent>(claim->value());
    EXPECT_NE(cancelled, claimed);
    EXPECT_EQ(look_up(delay_id).state, cancelled ? State::cancelled : State::sending);
  }
}

TEST_P(StoreContract, ForgetsWhatIsTooOld) {
  const auto old = event_in(State::cancelled, new_event(alice, 1s));
  const auto transaction = with_transaction(new_event(alice, 1s), "old");
  event_in(State::sent, transaction);
  const auto edge = event_in(State::sent, new_event(alice, 2s));
  const auto active = scheduled(new_event(alice, 1s));
  const domain::Retention retention{1h, std::nullopt};
  EXPECT_FALSE(answer(store().prune(retention, noon + 2s + 1h)));
  EXPECT_FALSE(answer(store().look_up(old, std::nullopt)));
  EXPECT_TRUE(std::holds_alternative<NotFound>(answer(store().cancel(old, std::nullopt, noon))));
  EXPECT_EQ(answer(store().find_transaction(*transaction.transaction)), std::nullopt);
  EXPECT_EQ(look_up(edge).state, State::sent);
  EXPECT_EQ(look_up(active).state, State::scheduled);
}

TEST_P(StoreContract, ForgetsTheOldestBeyondTheNumber) {
  std::vector<DelayId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(event_in(State::sent, new_event(alice, Milliseconds(1000 * (i + 1)))));
  const auto active = scheduled(new_event(alice, 1ms));
  const auto other = event_in(State::sent, new_event(bob, 1ms));
  const domain::Retention retention{std::nullopt, 3};
  EXPECT_FALSE(answer(store().prune(retention, noon + 1h)));
  EXPECT_THAT(ids_of(answer(store().list(alice, {}))), ElementsAre(active, ids[2], ids[3], ids[4]));
  EXPECT_EQ(look_up(other).state, State::sent);

  // One more, one less.
  const auto newest = event_in(State::cancelled, new_event(alice, 1min));
  EXPECT_FALSE(answer(store().prune(retention, noon + 1h)));
  EXPECT_THAT(ids_of(answer(store().list(alice, {}))), ElementsAre(active, ids[3], ids[4], newest));

  const domain::Retention nothing{std::nullopt, 0};
  answer(store().cancel(active, std::nullopt, noon));
  EXPECT_FALSE(answer(store().prune(nothing, noon + 1h)));
  EXPECT_THAT(answer(store().list(alice, {})).events, IsEmpty());
}

TEST_P(StoreContract, KeepsEverythingWithoutARetention) {
  const auto delay_id = event_in(State::sent, new_event(alice));
  const domain::Retention for_ever{std::nullopt, std::nullopt};
  EXPECT_FALSE(answer(store().prune(for_ever, noon + std::chrono::years(10))));
  EXPECT_EQ(look_up(delay_id).state, State::sent);
}

TEST_P(StoreContract, TakesNothingAfterClosing) {
  const auto delay_id = scheduled(new_event(alice));
  runner_.run(store().close());
  runner_.run(store().close());
  EXPECT_TRUE(runner_.run(store().look_up(delay_id, std::nullopt)).has_error());
  EXPECT_TRUE(runner_.run(store().restart(delay_id, std::nullopt, noon)).has_error());
  EXPECT_TRUE(runner_.run(store().try_to_write()).has_error());
  reopen();
  EXPECT_EQ(look_up(delay_id).state, State::scheduled);
}

TEST_P(StoreContract, ListsWhatIsActiveInARoomWithoutItsContent) {
  const auto in_room = [](RoomId room_id, Milliseconds delay, const UserId& user_id) {
    auto event = new_event(user_id, delay);
    event.event.room_id = std::move(room_id);
    return event;
  };
  const auto last = scheduled(in_room(kitchen, 3s, alice));
  const auto first = event_in(State::sending, in_room(kitchen, 1s, bob));
  const auto middle = scheduled(in_room(kitchen, 2s, bob));
  scheduled(in_room(garden, 1s, alice));
  event_in(State::sent, in_room(kitchen, 1s, alice));

  ListPage page = answer(store().list_room(kitchen, std::nullopt, 2));
  EXPECT_THAT(ids_of(page), ElementsAre(first, middle));
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.events[0].state, State::sending);
  EXPECT_EQ(page.events[0].event->user_id, bob);
  EXPECT_EQ(page.events[0].event->content, "");

  restart(middle, std::nullopt, noon + 30s, false);
  page = answer(store().list_room(kitchen, ListPosition{noon + 1s, first}, 2));
  EXPECT_THAT(ids_of(page), ElementsAre(last, middle));
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.events[1].timing.due(), noon + 32s);
  EXPECT_THAT(answer(store().list_room(RoomId("!elsewhere:example.org"), std::nullopt, 2)).events, IsEmpty());
}

TEST_P(StoreContract, ListsWhatFailedTheLatestFirstWithoutItsContent) {
  std::vector<DelayId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(event_in(State::failed, new_event(alice, Milliseconds(1000 * (i + 1)))));
  for (const State state : {State::scheduled, State::sending, State::sent, State::cancelled}) {
    event_in(state, new_event(alice, 2s));
  }
  ListPage page = answer(store().list_failed(std::nullopt, 2));
  EXPECT_THAT(ids_of(page), ElementsAre(ids[2], ids[1]));
  EXPECT_TRUE(page.more);
  ASSERT_TRUE(page.events[0].finalised);
  EXPECT_EQ(std::get<HomeserverError>(page.events[0].finalised->outcome).body, R"({"errcode":"M_FORBIDDEN"})");
  EXPECT_EQ(page.events[0].event->content, "");

  page = answer(store().list_failed(OutcomePosition{noon + 2s, ids[1]}, 2));
  EXPECT_THAT(ids_of(page), ElementsAre(ids[0]));
  EXPECT_FALSE(page.more);
}

TEST_P(StoreContract, ListsWhatAUsersEventsHaveComeToTheLatestFirst) {
  const auto ids_since = [&](Timestamp from, std::uint32_t limit) {
    std::vector<DelayId> ids;
    for (const auto& position : answer(store().list_outcomes(alice, from, limit))) ids.push_back(position.delay_id);
    return ids;
  };
  EXPECT_THAT(ids_since(Timestamp::min(), 9), IsEmpty());
  const auto first = event_in(State::sent, new_event(alice, 1s));
  const auto second = event_in(State::failed, new_event(alice, 2s));
  const auto third = event_in(State::sent, new_event(alice, 3s));
  for (const State state : {State::scheduled, State::sending, State::cancelled}) event_in(state, new_event(alice, 2s));
  event_in(State::sent, new_event(bob, 2s));

  EXPECT_THAT(ids_since(Timestamp::min(), 9), ElementsAre(third, second, first));
  EXPECT_THAT(ids_since(noon + 2s, 9), ElementsAre(third, second));
  EXPECT_THAT(ids_since(noon + 3s, 9), ElementsAre(third));
  EXPECT_THAT(ids_since(noon + 4s, 9), IsEmpty());
  EXPECT_THAT(ids_since(Timestamp::min(), 2), ElementsAre(third, second));
  EXPECT_EQ(answer(store().list_outcomes(alice, Timestamp::min(), 1))[0].finalised_ts, noon + 3s);
}

TEST_P(StoreContract, TriesToWriteWithoutAChange) {
  EXPECT_FALSE(runner_.run(store().try_to_write()).has_error()) << "before there is anything";
  const MachineTime machine{"a boot", 1h, wall_noon};
  const ServerTime time = answer(store().save_time(machine));
  const auto delay_id = scheduled(new_event(alice));
  EXPECT_FALSE(runner_.run(store().try_to_write()).has_error());
  EXPECT_EQ(look_up(delay_id).state, State::scheduled);
  reopen();
  EXPECT_FALSE(runner_.run(store().try_to_write()).has_error());
  EXPECT_GE(answer(store().save_time(machine)).at(machine), time.at(machine));
}

TEST_P(StoreContract, KnowsWhichEventsCameFromDelayedOnes) {
  EXPECT_TRUE(answer(store().list_sent(alice, 2)).empty());
  scheduled(new_event(alice));
  event_in(State::failed, new_event(alice));
  EXPECT_TRUE(answer(store().list_sent(alice, 2)).empty());

  const auto delay_id = event_in(State::sent, new_event(alice));
  const auto sent = answer(store().list_sent(alice, 2));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].event_id, EventId("$event"));
  EXPECT_EQ(sent[0].delay_id, delay_id);
  EXPECT_TRUE(answer(store().list_sent(bob, 2)).empty());

  const std::vector<EventId> event_ids{EventId("$other"), EventId("$event")};
  const auto found = answer(store().find_sent(alice, event_ids));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].event_id, EventId("$event"));
  EXPECT_EQ(found[0].delay_id, delay_id);
  EXPECT_TRUE(answer(store().find_sent(bob, event_ids)).empty());

  event_in(State::sent, new_event(alice));
  event_in(State::sent, new_event(alice));
  EXPECT_EQ(answer(store().list_sent(alice, 2)).size(), 2u);
  EXPECT_EQ(answer(store().list_sent(alice, 9)).size(), 3u);
}

}  // namespace afterword::store::testing
