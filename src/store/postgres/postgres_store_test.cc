#include "store/postgres/postgres_store.h"

#include "store/postgres/connection.h"
#include "store/postgres/testing/server.h"
#include "store/testing/contract.h"
#include "store/testing/new_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace afterword::store::postgres {
namespace {

using store::testing::Runner;
using store::testing::StoreContract;
using store::testing::Variant;
using testing::Server;

class PostgresBackend final : public store::testing::Backend {
 public:
  std::unique_ptr<Store> open(async::Executor executor) override {
    auto store = postgres::open(std::move(executor), {.url = url_});
    if (store.has_error()) throw std::runtime_error(store.error());
    return *std::move(store);
  }

 private:
  std::string url_ = Server::shared().make_database();
};

Variant variant(std::string name, bool reopen_after_every_verb) {
  return {std::move(name), [] { return std::make_unique<PostgresBackend>(); }, reopen_after_every_verb};
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract, ::testing::Values(variant("Plain", false), variant("Reopened", true)),
                         store::testing::name_of_variant);

domain::NewDelayedEvent schedule_one(Runner& runner, Store& store) {
  domain::NewDelayedEvent event = store::testing::new_event();
  runner.run(store.schedule(event, std::nullopt)).value();
  return event;
}

TEST(PostgresStore, KeepsAnOutcomeAfterTheLeaseHasRunOutUnlessOthersHaveTakenOver) {
  const std::string url = Server::shared().make_database();
  Runner runner;
  const auto store = *open(runner.executor(), {.url = url});
  const domain::NewDelayedEvent event = schedule_one(runner, *store);
  const domain::Attempt attempt{to_wall(event.timing.due(), Milliseconds(0))};
  runner.run(store->claim(event.delay_id, std::nullopt, attempt, event.timing.due())).value();

  Connection(*Target::parse(url), "test").execute("UPDATE afterword.instances SET lease_until = '-infinity'");
  const domain::Finalised finalised{event.timing.due(), domain::EventId("$event")};
  runner.run(store->finalise(event.delay_id, finalised)).value();
  EXPECT_EQ(runner.run(store->look_up(event.delay_id, std::nullopt)).value()->state, domain::State::sent);
  runner.run(store->close());
}

TEST(PostgresStore, TakesNumbersThatItNeverWritesForDamage) {
  const std::string url = Server::shared().make_database();
  Runner runner;
  const auto store = *open(runner.executor(), {.url = url});
  const domain::NewDelayedEvent event = schedule_one(runner, *store);
  Connection database(*Target::parse(url), "test");

  for (const char* change : {"events SET kind = 3", "events SET kind = -1", "active SET state = 7"}) {
    SCOPED_TRACE(change);
    database.execute(std::string("UPDATE afterword.") + change);
    const auto found = runner.run(store->look_up(event.delay_id, std::nullopt));
    ASSERT_TRUE(found.has_error());
    EXPECT_THAT(found.error().reason, ::testing::HasSubstr("damaged"));
    database.execute("UPDATE afterword.events SET kind = 0");
  }
  EXPECT_TRUE(runner.run(store->restart(event.delay_id, std::nullopt, event.timing.due())).has_error());
  database.execute("UPDATE afterword.active SET state = 0");
  EXPECT_TRUE(runner.run(store->restart(event.delay_id, std::nullopt, event.timing.due())).has_value());
  EXPECT_TRUE(runner.run(store->look_up(event.delay_id, std::nullopt)).has_value());
  runner.run(store->close());
}

}  // namespace
}  // namespace afterword::store::postgres
