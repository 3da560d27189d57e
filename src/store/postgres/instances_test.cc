// Several stores on one database, as several instances have them.
#include "store/postgres/testing/instances.h"

#include "store/postgres/connection.h"
#include "store/postgres/postgres_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <random>
#include <stdexcept>
#include <thread>

namespace afterword::store::postgres {
namespace {

using namespace std::chrono_literals;
using domain::State;
using testing::alice;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::new_event;
using testing::noon;
using testing::PostgresInstances;
using testing::Server;
using ::testing::SizeIs;
using testing::wall_noon;

// Whose lease runs out in a moment, for it is never renewed: as of an instance that is paused.
const LeaseOptions short_lease{.duration = 400ms, .renew_every = 1h, .margin = 200ms};

TEST_F(PostgresInstances, LoseTheirLeaseAndNotTheirProcessToWhatNobodyExpected) {
  const auto failing = std::make_shared<std::atomic<bool>>(false);  // the store's thread outlives this function
  const auto serving = std::this_thread::get_id();
  LeaseOptions options{.duration = 600ms, .renew_every = 50ms, .margin = 200ms};
  options.clock = [failing, serving] {
    if (*failing && std::this_thread::get_id() != serving) throw std::logic_error("a bug");
    return time_since_boot();
  };
  Store& store = open(options);
  const auto claimed = schedule(store);
  EXPECT_TRUE(std::holds_alternative<domain::DelayedEvent>(claim(store, claimed)));
  EXPECT_TRUE(store.may_send(claimed));

  *failing = true;
  std::this_thread::sleep_for(600ms);
  EXPECT_FALSE(store.may_send(claimed));

  *failing = false;
  const auto renewed = [&] {
    for (int tries = 0; tries < 200 && !store.may_send(claimed); ++tries) std::this_thread::sleep_for(50ms);
    return store.may_send(claimed);
  };
  EXPECT_TRUE(renewed());
}

TEST_F(PostgresInstances, ServeEachOthersEventsAndLeaveTheirTimersAlone) {
  Store& first = open();
  Store& second = open();
  const auto delay_id = schedule(first);
  const std::vector<DelayId> ids{delay_id};
  EXPECT_THAT(answer(first.find_active(ids)), SizeIs(1));
  EXPECT_THAT(answer(second.find_active(ids)), IsEmpty());
  EXPECT_THAT(answer(second.adopt()), IsEmpty());

  answer(second.restart(delay_id, alice, noon + 5s));
  EXPECT_EQ(answer(first.find_active(ids)).at(0).timing.due(), noon + 15s);
  answer(second.cancel(delay_id, alice, noon + 6s));
  EXPECT_THAT(answer(first.find_active(ids)), IsEmpty());
}

TEST_F(PostgresInstances, TakeOverWhatOneThatIsGoneHad) {
  Store& first = open();
  Store& second = open();
  const auto scheduled = schedule(first);
  const auto sending = schedule(first);
  claim(first, sending);
  runner_.run(first.close());
  EXPECT_THAT(adopt_all(second), SizeIs(2));
  EXPECT_TRUE(second.may_send(sending));
  EXPECT_THAT(answer(second.find_active({scheduled})), SizeIs(1));
}

TEST_F(PostgresInstances, KeepOneOutThatWasPausedForLongerThanItsLease) {
  Store& paused = open(short_lease);
  const auto claimed = schedule(paused);
  const auto scheduled = schedule(paused);
  claim(paused, claimed);
  EXPECT_TRUE(paused.may_send(claimed));
  std::this_thread::sleep_for(500ms);
  EXPECT_FALSE(paused.may_send(claimed));

  Store& other = open();
  EXPECT_THAT(adopt_all(other), SizeIs(2));
  const domain::Finalised late{noon + 20s, domain::EventId("$late")};
  answer(paused.finalise(claimed, late));
  EXPECT_EQ(state_of(other, claimed), State::sending);
  answer(paused.release(claimed));
  EXPECT_EQ(state_of(other, claimed), State::sending);
  const domain::Attempt attempt{wall_noon + 10s,
                                true};  // on request, so that the other event of its room does not matter
  EXPECT_TRUE(runner_.run(paused.claim(scheduled, std::nullopt, attempt, noon + 10s)).has_error());
  // What it schedules all the same, somebody has the timer of.
  const auto orphan = schedule(paused);
  EXPECT_THAT(adopt_all(other), SizeIs(1));
  EXPECT_THAT(answer(other.find_active({orphan})), SizeIs(1));

  const domain::Finalised sent{noon + 20s, domain::EventId("$sent")};
  answer(other.finalise(claimed, sent));
  EXPECT_EQ(state_of(paused, claimed), State::sent);
}

// Who is first to find the database back does not take everything: the others are there too, a moment later.
TEST_F(PostgresInstances, KeepWhatTheyHaveWhileTheDatabaseIsAway) {
  const LeaseOptions brief{.duration = 1500ms, .renew_every = 300ms, .margin = 400ms, .patience = 1500ms};
  Store& first = open(brief);
  Store& second = open(brief);
  const auto of_first = schedule(first);
  const auto of_second = schedule(second);
  server_.stop();
  std::this_thread::sleep_for(2s);
  server_.start();
  const auto give_up = std::chrono::steady_clock::now() + 4s;
  while (std::chrono::steady_clock::now() < give_up) {
    const auto adopted = runner_.run(first.adopt());
    EXPECT_TRUE(adopted.has_error() || adopted->empty());
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_THAT(answer(first.find_active({of_first, of_second})), SizeIs(1));
  EXPECT_THAT(answer(second.find_active({of_first, of_second})), SizeIs(1));
}

TEST_F(PostgresInstances, LetTheEarlierEventOfARoomGoFirst) {
  Store& first = open();
  Store& second = open();
  const MachineTime machine{"a boot", 1h, wall_noon};
  const Milliseconds until_noon = noon - answer(first.save_time(machine)).at(machine);
  ask(fmt::format("UPDATE afterword.server_time SET offset_ms = offset_ms + {}", until_noon.count()));
  const auto earlier = schedule(first, 10s);
  const auto later = schedule(second, 11s);
  EXPECT_TRUE(std::holds_alternative<Behind>(claim(second, later, noon + 11s)));
  EXPECT_TRUE(std::holds_alternative<domain::DelayedEvent>(claim(first, earlier, noon + 11s)));
  EXPECT_TRUE(std::holds_alternative<Behind>(claim(second, later, noon + 11s)));
  const domain::Finalised sent{noon + 11s, domain::EventId("$sent")};
  answer(first.finalise(earlier, sent));
  EXPECT_TRUE(std::holds_alternative<domain::DelayedEvent>(claim(second, later, noon + 11s)));

  // Also behind what another instance sends on request; but not for ever.
  const auto mine = schedule(second, 12s);
  const domain::Attempt on_request{wall_noon, true};
  answer(first.claim(mine, alice, on_request, noon + 12s));
  const auto next = schedule(second, 13s);
  EXPECT_TRUE(std::holds_alternative<Behind>(claim(second, next, noon + 13s)));
  ask(fmt::format("UPDATE afterword.server_time SET offset_ms = offset_ms + {}", Milliseconds(3min).count()));
  EXPECT_TRUE(std::holds_alternative<domain::DelayedEvent>(claim(second, next, noon + 13s)));
}

TEST_F(PostgresInstances, StartTogetherOnAnEmptyDatabase) {
  std::array<Result<std::unique_ptr<Store>, std::string>, 8> opened;
  {
    std::vector<std::jthread> threads;
    for (auto& one : opened) {
      threads.emplace_back([this, &one] { one = postgres::open(runner_.executor(), {.url = url_}); });
    }
  }
  for (auto& one : opened) {
    ASSERT_TRUE(one) << one.error();
    stores_.push_back(*std::move(one));
    schedule(*stores_.back());
  }
  EXPECT_EQ(ask("SELECT count(*) FROM afterword.active"), "8");
  EXPECT_EQ(ask("SELECT count(DISTINCT owner) FROM afterword.active"), "8");
}

TEST_F(PostgresInstances, CountALimitTogetherAndDoATransactionOnce) {
  Store& first = open();
  Store& second = open();
  std::vector<domain::NewDelayedEvent> events;
  std::vector<domain::NewDelayedEvent> repeated;
  for (int i = 0; i < 60; ++i) {
    events.push_back(new_event());
    repeated.push_back(new_event(UserId("@bob:example.org")));
    repeated.back().transaction =
        domain::TransactionKey::of(repeated.back().event.user_id, std::nullopt, "/send", std::to_string(i / 6));
  }
  std::vector<Task<StoreResult<ScheduleAnswer>>> verbs;
  for (std::size_t i = 0; i < events.size(); ++i) {
    verbs.push_back((i % 2 == 0 ? first : second).schedule(events[i], 7));
    verbs.push_back((i % 2 == 0 ? first : second).schedule(repeated[i], 100));
  }
  int created = 0;
  for (auto& result : runner_.run_together(std::move(verbs))) {
    const auto answer = std::move(result).value();
    if (const auto* scheduled = std::get_if<Scheduled>(&answer)) created += scheduled->created ? 1 : 0;
  }
  EXPECT_EQ(created, 7 + 10);
  EXPECT_EQ(ask("SELECT count(*) FROM afterword.active"), "17");
}

// Every verb, on the same few rows and users, from two instances at once.
TEST_F(PostgresInstances, NeverWaitForEachOtherInACircle) {
  std::array stores{&open(), &open()};
  std::vector<domain::NewDelayedEvent> events;
  for (int i = 0; i < 40; ++i) events.push_back(new_event(UserId(fmt::format("@user{}:example.org", i % 5))));
  for (const auto& event : events) answer(stores[0]->schedule(event, std::nullopt));

  std::minstd_rand random(4140);
  std::vector<domain::NewDelayedEvent> more;
  more.reserve(10'000);
  int unavailable = 0;
  const auto count = [&]<class T>(std::vector<StoreResult<T>> results) {
    for (const auto& result : results) unavailable += result.has_error() ? 1 : 0;
  };
  for (int round = 0; round < 60; ++round) {
    std::vector<Task<StoreResult<ActionAnswer>>> actions;
    std::vector<Task<StoreResult<ScheduleAnswer>>> schedules;
    struct Others {
      static Task<void> claim(Store& store, DelayId id, bool on_request) {
        const domain::Attempt attempt{wall_noon + 10s, on_request};
        co_await store.claim(id, std::nullopt, attempt, noon + 10s);
        co_await store.release(id);
      }
      static Task<void> adopt(Store& store) { co_await store.adopt(); }
      static Task<void> prune(Store& store) {
        const domain::Retention retention{1h, 1};
        co_await store.prune(retention, noon + 1min);
      }
      static Task<void> cancel_all(Store& store, UserId user_id) { co_await store.cancel_all(user_id, noon); }
    };
    for (int i = 0; i < 80; ++i) {
      Store& store = *stores[random() % 2];
      const auto& event = events[random() % events.size()];
      switch (random() % 8) {
        case 0:
          runner_.start(Others::claim(store, event.delay_id, random() % 2 == 0));
          break;
        case 1:
          more.push_back(new_event(event.event.user_id));
          events[random() % events.size()] = more.back();
          schedules.push_back(store.schedule(more.back(), 30));
          break;
        case 2:
          actions.push_back(store.cancel(event.delay_id, std::nullopt, noon));
          break;
        default:
          actions.push_back(store.restart(event.delay_id, std::nullopt, noon));
      }
    }
    for (Store* store : stores) {
      runner_.start(Others::adopt(*store));
      runner_.start(Others::prune(*store));
    }
    if (round % 10 == 0) runner_.start(Others::cancel_all(*stores[round % 20 == 0], events[0].event.user_id));
    count(runner_.run_together(std::move(schedules)));
    count(runner_.run_together(std::move(actions)));
  }
  EXPECT_EQ(unavailable, 0);
  EXPECT_EQ(ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
}

// Unavailable says that nothing was done: so it is also when the connection went while it was being committed.
TEST_F(PostgresInstances, HaveDoneNothingWhenTheConnectionIsLost) {
  Store& store = open();
  std::minstd_rand random(4140);
  int lost = 0;
  int kept = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<domain::NewDelayedEvent> events;
    for (int i = 0; i < 100; ++i) events.push_back(new_event());
    std::vector<Task<StoreResult<ScheduleAnswer>>> verbs;
    for (const auto& event : events) verbs.push_back(store.schedule(event, std::nullopt));
    const auto pause = std::chrono::microseconds(random() % 8'000);
    std::jthread killer([this, pause] {
      std::this_thread::sleep_for(pause);
      ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
          " AND application_name LIKE 'afterword changes%'");
    });
    const auto results = runner_.run_together(std::move(verbs));
    killer.join();
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (runner_.run(store.restart(DelayId::random(), std::nullopt, noon)).has_error()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      std::this_thread::sleep_for(50ms);
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(answer(store.look_up(events[i].delay_id, std::nullopt)).has_value(), results[i].has_value());
      ++(results[i] ? kept : lost);
    }
  }
  EXPECT_GT(lost, 0);
  EXPECT_GT(kept, 0);
}

// What a table is locked for, for as long as this lives.
class TableLock {
 public:
  TableLock(const std::string& url, const std::string& table) : connection_(*Target::parse(url), "a lock") {
    connection_.execute("BEGIN");
    connection_.execute("LOCK TABLE afterword." + table + " IN ACCESS EXCLUSIVE MODE");
  }

 private:
  Connection connection_;
};

// Stands still while this lives: the server's process behind a connection of that purpose.
class StoppedConnection {
 public:
  StoppedConnection(const std::string& url, const std::string& purpose)
      : process_(std::stoi(Server::ask(
            url, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'afterword " + purpose + "%'"))) {
    ::kill(process_, SIGSTOP);
  }
  StoppedConnection(const StoppedConnection&) = delete;
  StoppedConnection& operator=(const StoppedConnection&) = delete;
  ~StoppedConnection() { ::kill(process_, SIGCONT); }

 private:
  const pid_t process_;
};

TEST_F(PostgresInstances, AnswerDeliveryWhileAListIsSlow) {
  Store& store = open();
  const auto delay_id = schedule(store);
  EXPECT_TRUE(answer(store.list_sent(alice, 1)).empty());  // so that there is the connection of lists
  std::optional<StoppedConnection> slow(std::in_place, url_, "queries");
  bool listed = false;
  struct Asking {
    static Task<void> list(Store& store, bool& listed) {
      const ListQuery query;
      const auto page = co_await store.list(alice, query);
      listed = true;
      EXPECT_EQ(page.value().events.size(), 1u);
    }
    static Task<void> as_delivery(Store& store, DelayId delay_id, const bool& listed,
                                  std::optional<StoppedConnection>& slow) {
      const std::vector<DelayId> delay_ids(1, delay_id);
      const auto active = co_await store.find_active(delay_ids);
      EXPECT_EQ(active.value().size(), 1u);
      const auto event = co_await store.look_up(delay_id, std::nullopt);
      EXPECT_TRUE(event.value());
      const std::vector<domain::EventId> event_ids{domain::EventId("$event")};
      const auto sent = co_await store.find_sent(alice, event_ids);
      EXPECT_TRUE(sent.value().empty());
      const auto adopted = co_await store.adopt();
      EXPECT_TRUE(adopted.value().empty());
      EXPECT_FALSE(listed);
      slow.reset();
    }
  };
  for (int i = 0; i < 3; ++i) runner_.start(Asking::list(store, listed));
  runner_.start(Asking::as_delivery(store, delay_id, listed, slow));
  runner_.run_started();
  EXPECT_TRUE(listed);
}

TEST_F(PostgresInstances, AnswerEachQueryWhenItIsDone) {
  Store& store = open();
  schedule(store);
  std::optional<TableLock> slow(std::in_place, url_, "active");  // which lists need, and list_sent() does not
  int quick = 0;
  bool listed = false;
  struct Asking {
    static Task<void> list(Store& store, bool& listed) {
      const ListQuery query;
      const auto page = co_await store.list(alice, query);
      EXPECT_EQ(page.value().events.size(), 1u);
      listed = true;
    }
    static Task<void> list_sent(Store& store, int& quick, const bool& listed, std::optional<TableLock>& slow) {
      const auto sent = co_await store.list_sent(alice, 1);
      EXPECT_TRUE(sent.value().empty());
      EXPECT_FALSE(listed);
      if (++quick == 20) slow.reset();
    }
  };
  for (int i = 0; i < 20; ++i) runner_.start(Asking::list_sent(store, quick, listed, slow));
  runner_.start(Asking::list(store, listed));
  runner_.run_started();
  EXPECT_TRUE(listed);
}

TEST_F(PostgresInstances, AskAgainWhatFindsItsConnectionGone) {
  Store& store = open();
  const auto id = schedule(store);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(answer(store.look_up(id, std::nullopt)));
    ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'afterword delivery%'");
  }
}

TEST_F(PostgresInstances, FailAQueryAlone) {
  Store& store = open();
  const auto broken = schedule(store);
  std::vector<DelayId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(schedule(store));
  ask("UPDATE afterword.events SET kind = 7 WHERE delay_id = " + uuid(broken));
  for (const bool connection_lost : {false, true}) {
    if (connection_lost) {
      ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
          " AND application_name LIKE 'afterword delivery%'");
    }
    std::vector<Task<StoreResult<std::optional<domain::DelayedEvent>>>> look_ups;
    look_ups.push_back(store.look_up(broken, std::nullopt));
    for (const auto& id : ids) look_ups.push_back(store.look_up(id, std::nullopt));
    const auto found = runner_.run_together(std::move(look_ups));
    EXPECT_TRUE(found[0].has_error());
    for (std::size_t i = 1; i < found.size(); ++i) EXPECT_TRUE(found[i]) << i;
  }
}

// Another host is the primary now, whose clock is elsewhere. Its clock and the offset are only ever used together, so
// to move the offset does the same.
TEST_F(PostgresInstances, KeepTheTimeWhenTheDatabasesClockIsAnotherOne) {
  const auto boot = std::chrono::steady_clock::now();
  const auto machine_now = [boot](Milliseconds since_boot) {
    const auto passed = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - boot);
    return MachineTime{"a boot", since_boot + passed, wall_noon};
  };
  Store& first = open();
  const auto started = machine_now(1h);
  const Timestamp at_boot = answer(first.save_time(started)).at_boot;

  for (const auto step : {5s, -3s, 3'600s}) {
    ask(fmt::format("UPDATE afterword.server_time SET offset_ms = offset_ms + {}", Milliseconds(step).count()));
    ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'afterword delivery%'");
    while (runner_.run(first.adopt()).has_error()) std::this_thread::sleep_for(50ms);

    const auto read = machine_now(1h);
    EXPECT_EQ(answer(first.save_time(read)).at_boot, at_boot);
    const auto other = machine_now(7h);
    const Milliseconds apart = answer(open().save_time(other)).at(other) - (at_boot + other.since_boot - 6h);
    EXPECT_LE(std::chrono::abs(apart), 1s) << "after a step of " << step.count() << " s";
  }
}

TEST_F(PostgresInstances, NeverGoBackBehindTheLatestTimeThatWasKept) {
  const MachineTime machine{"a boot", 1h, wall_noon};
  Store& first = open();
  const Timestamp before = answer(first.save_time(machine)).at(machine);
  runner_.run(first.close());
  ask("UPDATE afterword.server_time SET offset_ms = offset_ms - 60000");
  EXPECT_GE(answer(open().save_time(machine)).at(machine), before);
}

TEST_F(PostgresInstances, RefuseADatabaseOfANewerVersion) {
  open();
  ask("UPDATE afterword.schema_version SET version = version + 1");
  const auto refused = postgres::open(runner_.executor(), {.url = url_});
  EXPECT_THAT(refused.error(), HasSubstr("written by a newer version of Afterword"));
}

}  // namespace
}  // namespace afterword::store::postgres
