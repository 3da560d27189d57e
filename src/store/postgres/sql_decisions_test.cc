// What is decided in SQL, against the decisions of the domain. Restarts are held to them by the contract suite too.
#include "domain/decisions.h"
#include "store/postgres/connection.h"
#include "store/postgres/in_doubt.h"
#include "store/postgres/testing/instances.h"
#include "store/postgres/verbs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <thread>
#include <vector>

namespace afterword::store::postgres {
namespace {

using namespace std::chrono_literals;
using domain::State;
using testing::alice;
using testing::new_event;
using testing::noon;
using ::testing::UnorderedElementsAreArray;
using testing::wall_noon;

class PostgresSqlDecisions : public testing::PostgresInstances {
 protected:
  InstanceId number(const std::string& sql) const {
    const std::string text = ask(sql);
    InstanceId found = nobody;
    std::from_chars(text.data(), text.data() + text.size(), found);
    return found;
  }
  InstanceId instance_of(Store& store) {
    return number("SELECT owner FROM afterword.active WHERE delay_id = " + uuid(schedule(store)));
  }
  // An event of that state, scheduled and sent by those. Finalised ones have neither.
  DelayId event_of_state(Store& store, State state, InstanceId owner, InstanceId sender) {
    const auto delay_id = schedule(store);
    const domain::Attempt on_request{wall_noon, true};
    if (state == State::cancelled) {
      answer(store.cancel(delay_id, alice, noon));
    } else if (state != State::scheduled) {
      answer(store.claim(delay_id, alice, on_request, noon));
    }
    const domain::Finalised sent{noon, domain::EventId("$sent")};
    const domain::Finalised failed{noon, domain::HomeserverError{403, "{}"}};
    if (state == State::sent) answer(store.finalise(delay_id, sent));
    if (state == State::failed) answer(store.finalise(delay_id, failed));
    ask(
        fmt::format("UPDATE afterword.active SET owner = {}, sender = CASE state WHEN 1 THEN {} ELSE 0 END"
                    " WHERE delay_id = {}",
                    owner, sender, uuid(delay_id)));
    return delay_id;
  }
  domain::Standing standing_of(Store& store, const DelayId& delay_id) {
    const auto event = answer(store.look_up(delay_id, std::nullopt));
    return {event->state, event->timing};
  }

  static constexpr std::array all_states{State::scheduled, State::sending, State::sent, State::failed,
                                         State::cancelled};
};

TEST_F(PostgresSqlDecisions, WhatIsAdopted) {
  Store& heir = open();
  Store& living = open();
  Store& gone = open();
  const InstanceId heirs = instance_of(heir);
  const InstanceId others = instance_of(living);
  const InstanceId nobodys = instance_of(gone);
  ask("TRUNCATE afterword.active, afterword.events");
  runner_.run(gone.close());

  std::vector<DelayId> expected;
  for (const State state : all_states) {
    for (const InstanceId owner : {others, nobodys}) {
      for (const InstanceId sender : {others, nobodys}) {
        const auto delay_id = event_of_state(living, state, owner, sender);
        if (domain::may_adopt(state, owner == nobodys, sender == nobodys)) expected.push_back(delay_id);
      }
    }
  }
  std::vector<DelayId> adopted;
  for (const Adopted& event : adopt_all(heir)) adopted.push_back(event.delay_id);
  EXPECT_THAT(adopted, UnorderedElementsAreArray(expected));
  // An attempt is taken over with its timer, and a timer has no sender.
  EXPECT_EQ(number(fmt::format("SELECT count(*) FROM afterword.active WHERE owner = {0}"
                               " AND sender = CASE state WHEN 1 THEN {0} ELSE 0 END",
                               heirs)),
            static_cast<InstanceId>(expected.size()));
}

TEST_F(PostgresSqlDecisions, WhatGoesBeforeInARoom) {
  Store& mine = open();
  Store& others = open();
  const MachineTime machine{"a boot", 1h, wall_noon};
  const Milliseconds until_noon = noon - answer(mine.save_time(machine)).at(machine);
  ask(fmt::format("UPDATE afterword.server_time SET offset_ms = offset_ms + {}", until_noon.count()));

  int behind = 0;
  int cases = 0;
  const auto due_at = [&](Timestamp due) {
    auto event = new_event();
    event.event.room_id = domain::RoomId(fmt::format("!{}", cases));
    event.timing = {due - 10s, 10s};
    return event;
  };
  // Far enough from the edge, for the database's time goes on meanwhile.
  for (const Milliseconds ago : {0ms, 1'000ms, 60'000ms, 60'001ms, 100'000ms, 600'000ms}) {
    for (const bool on_request : {false, true}) {
      ++cases;
      const Timestamp now = noon;
      const auto own = due_at(now - 60s);
      const auto other = due_at(now - ago);
      answer(mine.schedule(own, std::nullopt));
      answer((on_request ? mine : others).schedule(other, std::nullopt));
      if (on_request) {  // its timer is mine, its attempt another's
        const domain::Attempt attempt{wall_noon, true};
        answer(others.claim(other.delay_id, alice, attempt, now));
      }
      const domain::RoomPosition other_position{other.timing.due(), other.delay_id};
      const domain::RoomPosition own_position{own.timing.due(), own.delay_id};
      const bool is_behind = domain::goes_before(other_position, own_position, now);
      EXPECT_EQ(std::holds_alternative<Behind>(claim(mine, own.delay_id, now)), is_behind) << ago.count();
      behind += is_behind ? 1 : 0;
    }
  }
  EXPECT_GE(behind, 4);
  EXPECT_LE(behind, cases - 4);
}

// Of one batch, which one statement writes as far as they take place.
TEST_F(PostgresSqlDecisions, WhatRestartsOfABatchDo) {
  Store& store = open();
  const InstanceId mine = instance_of(store);
  std::vector<DelayId> delay_ids;
  std::vector<domain::Decision> decisions;
  std::vector<Task<StoreResult<ActionAnswer>>> restarts;
  for (const State state : all_states) {
    delay_ids.push_back(event_of_state(store, state, mine, mine));
    decisions.push_back(domain::decide_restart(standing_of(store, delay_ids.back()), noon + 1s));
    restarts.push_back(store.restart(delay_ids.back(), alice, noon + 1s));
  }
  const auto of_another = schedule(store);
  restarts.push_back(store.restart(of_another, UserId("@bob:example.org"), noon + 1s));
  restarts.push_back(store.restart(delay_ids.front(), std::nullopt, noon + 2s));

  const auto answers = runner_.run_together(std::move(restarts));
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& met = std::get<ActionResult>(answers[i].value());
    EXPECT_EQ(met.effect, decisions[i].effect);
    EXPECT_EQ(met.timing, decisions[i].after.timing);
    if (i == 0) continue;  // it is restarted once more
    EXPECT_EQ(standing_of(store, delay_ids[i]), decisions[i].after);
  }
  EXPECT_TRUE(std::holds_alternative<NotFound>(answers[decisions.size()].value()));
  EXPECT_EQ(standing_of(store, of_another).timing.delayed_since, noon);
  EXPECT_EQ(std::get<ActionResult>(answers.back().value()).timing.delayed_since, noon + 2s);
  EXPECT_EQ(standing_of(store, delay_ids.front()).timing.delayed_since, noon + 2s);
}

// What another instance decides meanwhile is waited for, and counts.
TEST_F(PostgresSqlDecisions, WhatRestartsFindThatHadToWait) {
  Store& store = open();
  const auto claimed = schedule(store);
  const auto restarted = schedule(store);
  Connection other(*Target::parse(url_), "another");
  other.execute("BEGIN; UPDATE active SET state = 1, attempt_ts = 1, attempt_on_request = false WHERE delay_id = " +
                uuid(claimed) +
                "; UPDATE active SET delayed_since_ts = delayed_since_ts + 9000 WHERE delay_id = " + uuid(restarted));
  std::thread later([&] {
    const std::string waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    for (int tries = 0; tries < 1'000 && number(waiting) == 0; ++tries) std::this_thread::sleep_for(1ms);
    other.execute("COMMIT");
  });
  std::vector<Task<StoreResult<ActionAnswer>>> restarts;
  restarts.push_back(store.restart(claimed, alice, noon + 1s));
  restarts.push_back(store.restart(restarted, alice, noon + 1s));
  const auto answers = runner_.run_together(std::move(restarts));
  later.join();
  EXPECT_EQ(std::get<ActionResult>(answers[0].value()).effect, domain::Effect::wait);
  EXPECT_EQ(standing_of(store, claimed).timing.delayed_since, noon);
  const auto& met = std::get<ActionResult>(answers[1].value());
  EXPECT_EQ(met.effect, domain::Effect::perform);
  EXPECT_EQ(met.timing.delayed_since, noon + 9s);
  EXPECT_EQ(standing_of(store, restarted).timing.delayed_since, noon + 9s);
}

// A claim whose commit is in doubt is taken back as its sender would: it is a release.
TEST_F(PostgresSqlDecisions, WhatIsTakenBackOfClaimsInDoubt) {
  Store& store = open();
  const InstanceId mine = instance_of(store);
  const InstanceId others = instance_of(open());
  Connection connection(*Target::parse(url_), "settling");
  for (const State state : all_states) {
    for (const InstanceId sender : {mine, others}) {
      SCOPED_TRACE(static_cast<int>(state));
      const auto delay_id = event_of_state(store, state, mine, sender);
      const domain::Standing found = standing_of(store, delay_id);

      ActiveRow row;
      row.user_id = alice;
      Claim claim(delay_id, std::nullopt, domain::Attempt{wall_noon, true}, noon);
      claim.decide(&row, {mine, true});
      ASSERT_TRUE(claim.claimed());
      Change::Batch batch;
      claim.join(batch);
      Doubts doubts;
      doubts.remember("no connection that there still is", mine, batch);
      doubts.settle(connection);

      const auto expected = domain::decide_release(found, sender == mine);
      EXPECT_EQ(standing_of(store, delay_id), expected.after);
      if (!domain::is_finalised(state)) {
        const bool has_sender = state == State::sending && !expected.performs();
        EXPECT_EQ(number("SELECT sender FROM afterword.active WHERE delay_id = " + uuid(delay_id)),
                  has_sender ? sender : nobody);
      }
    }
  }
}

// Nobody knows the delay_id of an event that was scheduled in doubt, unless its transaction is asked for again.
TEST_F(PostgresSqlDecisions, WhatIsTakenBackOfSchedulesInDoubt) {
  Store& store = open();
  const InstanceId mine = instance_of(store);
  Connection connection(*Target::parse(url_), "settling");
  for (const bool has_transaction : {false, true}) {
    SCOPED_TRACE(has_transaction);
    auto event = new_event();
    if (has_transaction) event.transaction = domain::TransactionKey::of(alice, std::nullopt, "/send", "1");
    answer(store.schedule(event, std::nullopt));
    Schedule schedule(event, std::nullopt);
    Change::Batch batch;
    schedule.join(batch);
    Doubts doubts;
    doubts.remember("no connection that there still is", mine, batch);
    doubts.settle(connection);

    EXPECT_EQ(answer(store.look_up(event.delay_id, std::nullopt)).has_value(), has_transaction);
    EXPECT_EQ(number(fmt::format("SELECT count(*) FROM afterword.active WHERE owner = {} AND delay_id = {}", nobody,
                                 uuid(event.delay_id))),
              has_transaction ? 1 : 0);
  }
}

}  // namespace
}  // namespace afterword::store::postgres
