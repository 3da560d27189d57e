#include "api/schedule.h"

#include "async/testing/manual_clock.h"
#include "delivery/delivery.h"
#include "homeserver/testing/fake_homeserver.h"
#include "store/testing/memory_store.h"

#include <gtest/gtest.h>

#include <chrono>

namespace afterword::api {
namespace {

using namespace std::chrono_literals;

// A database that commits, and whose answer is lost.
class StoreThatLosesAnAnswer final : public store::testing::MemoryStore {
 public:
  using MemoryStore::MemoryStore;

  bool loses_the_next = false;

  store::Task<store::StoreResult<store::ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                                                  std::optional<std::uint32_t> limit) override {
    auto answer = co_await MemoryStore::schedule(event, limit);
    if (std::exchange(loses_the_next, false)) co_return store::Unavailable{"the connection broke"};
    co_return answer;
  }
};

TEST(Schedule, SendsAnEventWhoseScheduleWasAcknowledgedToItsRepetitionAlone) {
  async::testing::ManualClock clock;
  store::testing::MemoryDatabase database([&clock] { return clock.now(); });
  StoreThatLosesAnAnswer store(database);
  homeserver::testing::FakeHomeserver homeserver(clock);
  delivery::Delivery delivery(clock.context().get_executor(), clock, store, homeserver);
  Context context{clock, store, delivery, {}};
  clock.run(delivery.start()).value();

  ScheduleRequest request;
  request.caller.user_id = domain::UserId("@alice:example.org");
  request.room_id = domain::RoomId("!room:example.org");
  request.type = "m.room.message";
  request.transaction = domain::TransactionKey::of(request.caller.user_id, std::nullopt, "/send", "1");
  request.body = R"({"delay_ms":1000,"content":{}})";
  store.loses_the_next = true;
  EXPECT_EQ(clock.run(schedule(context, request)).status, 503);
  EXPECT_EQ(clock.run(schedule(context, request)).status, 200);
  clock.advance(2s);
  EXPECT_EQ(homeserver.sends.size(), 1u);
  clock.run(delivery.drain(0ms));
}

// At the level of a request: of each event its own limit counts.
TEST(Schedule, MessagesKeepTheirAuthorOutOfNoCall) {
  async::testing::ManualClock clock;
  store::testing::MemoryDatabase database([&clock] { return clock.now(); });
  store::testing::MemoryStore store(database);
  homeserver::testing::FakeHomeserver homeserver(clock);
  delivery::Delivery delivery(clock.context().get_executor(), clock, store, homeserver);
  Context context{clock, store, delivery, {}};
  context.limits.max_scheduled_per_user = 3;
  context.limits.more_for_calls = 2;
  const auto status_of = [&](const char* type) {
    ScheduleRequest request;
    request.caller.user_id = domain::UserId("@alice:example.org");
    request.room_id = domain::RoomId("!room:example.org");
    request.type = type;
    request.body = R"({"delay_ms":3600000,"content":{},"state_key":"alice"})";
    return clock.run(schedule(context, std::move(request))).status;
  };
  for (const int expected : {200, 200, 200, 429}) EXPECT_EQ(status_of("m.room.topic"), expected);
  for (const int expected : {200, 200, 429}) EXPECT_EQ(status_of("m.call.member"), expected);
  EXPECT_EQ(status_of("m.room.topic"), 429);
  EXPECT_EQ(context.too_many_scheduled, 3u);
}

}  // namespace
}  // namespace afterword::api
