// Delivery where instances share the store.

#include "async/task_group.h"
#include "async/testing/manual_clock.h"
#include "delivery/delivery.h"
#include "homeserver/testing/fake_homeserver.h"
#include "store/testing/hindered_store.h"
#include "store/testing/memory_store.h"
#include "store/time_keeping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;
using domain::DelayId;
using domain::State;
using homeserver::testing::FakeHomeserver;
using store::testing::HinderedStore;
using store::testing::MemoryDatabase;
using store::testing::MemoryStore;
using ::testing::ElementsAre;

// One instance with delivery, and another that is no more than its store.
class DeliveryInstances : public ::testing::Test {
 protected:
  DeliveryInstances() {
    auto ours = std::make_unique<MemoryStore>(database_);
    ours_ = ours.get();
    store_ = std::make_unique<HinderedStore>(clock_, std::move(ours));
    clock_.run(store::restore_server_time(clock_, *store_));
    delivery_ = std::make_unique<Delivery>(executor(), clock_, *store_, homeserver_, Options{});
  }
  ~DeliveryInstances() override {
    clock_.run(delivery_->drain(0ms));
    leases_.stop();
    clock_.run(leases_.join());
  }

  async::Executor executor() { return clock_.context().get_executor(); }

  void keep_lease(MemoryStore& store) { leases_.spawn("a lease", store.keep_lease(clock_)); }
  void start() {
    ASSERT_TRUE(clock_.run(delivery_->start()));
    clock_.settle();
  }

  DelayId schedule(store::Store& store, std::chrono::milliseconds delay) {
    domain::NewDelayedEvent made;
    made.delay_id = DelayId::random();
    made.event.user_id = domain::UserId("@alice:example.org");
    made.event.room_id = domain::RoomId("!room:example.org");
    made.event.type = "m.room.message";
    made.event.content = "{}";
    made.timing = {clock_.now(), delay};
    EXPECT_TRUE(clock_.run(store.schedule(made, std::nullopt)));
    if (&store == store_.get()) delivery_->expect(made.delay_id, made.timing.due());
    clock_.settle();
    return made.delay_id;
  }

  State state(DelayId delay_id) { return (*clock_.run(store_->look_up(delay_id, std::nullopt)))->state; }
  std::vector<DelayId> sent() const {
    std::vector<DelayId> ids;
    for (const auto& send : homeserver_.sends) ids.push_back(send.delay_id);
    return ids;
  }

  async::testing::ManualClock clock_;
  MemoryDatabase database_{[this] { return from_wall(clock_.machine_time().wall, 0ms); }};
  MemoryStore other_{database_};
  MemoryStore* ours_ = nullptr;
  std::unique_ptr<HinderedStore> store_;
  FakeHomeserver homeserver_{clock_};
  async::TaskGroup leases_{executor()};
  std::unique_ptr<Delivery> delivery_;
};

TEST_F(DeliveryInstances, WhatIsAdoptedHasItsPlaceBeforeWhatIsDueLater) {
  keep_lease(*ours_);
  start();
  const auto earlier = schedule(other_, 5s);  // by an instance that dies
  const auto later = schedule(*store_, 6s);
  store_->adopt_answers = 1s;
  store_->claim_begins = 300ms;
  clock_.advance(1min);
  EXPECT_THAT(sent(), ElementsAre(earlier, later));
}

TEST_F(DeliveryInstances, WhatIsAdoptedWhileALaterOneIsPreparedGoesBeforeIt) {
  keep_lease(*ours_);
  start();
  const auto earlier = schedule(other_, 5s);  // by an instance that dies
  const auto later = schedule(*store_, 6s);
  homeserver_.prepare_time = 30s;  // a homeserver that hangs for longer than a lease
  clock_.advance(3min);
  EXPECT_THAT(sent(), ElementsAre(earlier, later));
}

TEST_F(DeliveryInstances, AnAttemptGoesOnOnceTheLeaseIsRenewedThatWasAboutToRunOut) {
  start();
  const auto id = schedule(*store_, 9s);
  clock_.advance(9500ms);  // too late for the lease that we have to be sure of it
  EXPECT_EQ(state(id), State::sending);
  EXPECT_THAT(sent(), ElementsAre());
  keep_lease(*ours_);
  clock_.advance(1min);
  EXPECT_THAT(sent(), ElementsAre(id));
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryInstances, AnOutcomeIsKeptThatComesAfterTheLeaseHasRunOutIfNobodyElseHasTakenOver) {
  start();
  homeserver_.send_time = [](const auto&) { return 5s; };
  const auto id = schedule(*store_, 7s);
  clock_.advance(15s);
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryInstances, WhatIsTakenBackWhileItsOldAttemptEndsHasANewOne) {
  start();
  homeserver_.send_time = [](const auto&) { return 15s; };
  const auto id = schedule(*store_, 7s);
  clock_.advance(16s);
  MemoryStore heir(database_);
  clock_.run(store::restore_server_time(clock_, heir));
  ASSERT_EQ(clock_.run(heir.adopt())->size(), 1u);  // and it dies
  keep_lease(*ours_);
  store_->finalise_answers = 10s;
  clock_.advance(12s);
  EXPECT_EQ(state(id), State::sending);  // for our outcome has come too late
  store_->finalise_answers = 0s;
  clock_.advance(1min);
  EXPECT_EQ(state(id), State::sent);
}

}  // namespace
}  // namespace afterword::delivery
