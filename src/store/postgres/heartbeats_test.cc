// What heartbeats leave behind in the table: new row versions on the same page, and no index entries.
#include "store/postgres/postgres_store.h"
#include "store/postgres/testing/server.h"
#include "store/testing/new_event.h"
#include "store/testing/run.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace afterword::store::postgres {
namespace {

using namespace std::chrono_literals;
using testing::Server;

using store::testing::noon;

TEST(PostgresHeartbeats, StayOnTheirPageAndTouchNoIndex) {
  const auto url = Server::shared().make_database();
  const auto ask = [&](const std::string& sql) { return std::atoll(Server::ask(url, sql).c_str()); };
  store::testing::Runner runner;
  auto opened = postgres::open(runner.executor(), {.url = url});
  ASSERT_TRUE(opened) << opened.error();
  Store& store = **opened;

  std::vector<domain::NewDelayedEvent> events(2'000);
  std::vector<Task<StoreResult<ScheduleAnswer>>> schedules;
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i] = store::testing::new_event(UserId("@user" + std::to_string(i) + ":example.org"), 8s);
    events[i].event.room_id = domain::RoomId("!room" + std::to_string(i % 100) + ":example.org");
    schedules.push_back(store.schedule(events[i], 100));
  }
  for (const auto& scheduled : runner.run_together(std::move(schedules))) ASSERT_TRUE(scheduled);
  const auto indexes_before = ask("SELECT pg_indexes_size('afterword.active')");
  for (int round = 1; round <= 30; ++round) {
    std::vector<Task<StoreResult<ActionAnswer>>> restarts;
    for (const auto& event : events) {
      restarts.push_back(store.restart(event.delay_id, std::nullopt, noon + round * 5s));
    }
    for (const auto& restarted : runner.run_together(std::move(restarts))) ASSERT_TRUE(restarted);
  }
  const auto indexes_after = ask("SELECT pg_indexes_size('afterword.active')");
  runner.run(store.close());  // what its connections did is counted now

  long long updates = 0;
  for (int tries = 0; updates < 60'000 && tries < 100; ++tries) {
    updates = ask("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'active'");
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_EQ(updates, 60'000);
  EXPECT_GE(ask("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'active'"), updates * 95 / 100);
  EXPECT_LE(indexes_after, indexes_before * 2);
}

}  // namespace
}  // namespace afterword::store::postgres
