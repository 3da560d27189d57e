#include "api/end_call.h"

#include "async/testing/manual_clock.h"
#include "base/testing/temporary_folder.h"
#include "homeserver/testing/fake_homeserver.h"
#include "store/testing/open_sqlite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace afterword::api {
namespace {

using namespace std::chrono_literals;
using domain::Action;
using domain::State;

const domain::RoomId room("!room:example.org");
const domain::RoomId elsewhere("!elsewhere:example.org");

class EndCallTest : public ::testing::Test {
 protected:
  EndCallTest() { clock_.run(delivery_.start()).value(); }
  ~EndCallTest() override {
    clock_.run(delivery_.drain(0ms));
    clock_.run(store_->close());
  }

  domain::DelayId schedule(const domain::RoomId& room_id, const std::string& type) {
    domain::NewDelayedEvent made;
    made.delay_id = domain::DelayId::random();
    made.event.user_id = domain::UserId("@alice:example.org");
    made.event.room_id = room_id;
    made.event.kind = domain::EventKind::state;
    made.event.type = type;
    made.event.state_key = std::to_string(++count_);
    made.event.content = "{}";
    made.timing = {clock_.now(), 1h};
    clock_.run(store_->schedule(made, std::nullopt)).value();
    delivery_.expect(made.delay_id, made.timing.due());
    return made.delay_id;
  }
  std::vector<domain::DelayId> leaves(int count) {
    std::vector<domain::DelayId> made;
    for (int i = 0; i < count; ++i) made.push_back(schedule(room, "org.matrix.msc3401.call.member"));
    return made;
  }
  EndedCall end(Action action) { return clock_.run(end_call(context_, room, action)).value(); }
  State state(const domain::DelayId& delay_id) { return (*clock_.run(store_->look_up(delay_id, std::nullopt)))->state; }

  int count_ = 0;
  async::testing::ManualClock clock_;
  afterword::testing::TemporaryFolder folder_;
  std::unique_ptr<store::Store> store_ =
      store::testing::open_sqlite(clock_.context().get_executor(), folder_ / "afterword.db");
  homeserver::testing::FakeHomeserver homeserver_{clock_};
  delivery::Delivery delivery_{clock_.context().get_executor(), clock_, *store_, homeserver_};
  Context context_{clock_, *store_, delivery_, {}};
};

TEST_F(EndCallTest, SendsEveryLeaveOfTheRoomAndNothingElse) {
  const auto leaving = leaves(250);
  const auto topic = schedule(room, "m.room.topic");
  const auto others = schedule(elsewhere, "m.call.member");
  const EndedCall ended = end(Action::send);
  EXPECT_EQ(ended.done, 250u);
  EXPECT_EQ(ended.failed, 0u);
  EXPECT_FALSE(ended.more);
  for (const auto& leave : leaving) EXPECT_EQ(state(leave), State::sent);
  EXPECT_EQ(state(topic), State::scheduled);
  EXPECT_EQ(state(others), State::scheduled);
}

TEST_F(EndCallTest, CancelsThemWhereAsked) {
  const auto leaving = leaves(2);
  EXPECT_EQ(end(Action::cancel).done, 2u);
  for (const auto& leave : leaving) EXPECT_EQ(state(leave), State::cancelled);
  clock_.advance(2h);
  EXPECT_TRUE(homeserver_.sends.empty());
}

TEST_F(EndCallTest, WhatIsRefusedStaysAndTheOthersGo) {
  const auto leaving = leaves(3);
  homeserver_.next_answers = {homeserver::Refused{{403, R"({"errcode":"M_FORBIDDEN"})"}, "M_FORBIDDEN", std::nullopt}};
  const EndedCall ended = end(Action::send);
  EXPECT_EQ(ended.done, 2u);
  EXPECT_EQ(ended.failed, 1u);
  EXPECT_FALSE(ended.more);
  EXPECT_EQ(std::ranges::count(leaving, State::scheduled, [this](const auto& leave) { return state(leave); }), 1);
}

TEST_F(EndCallTest, SaysThatThereIsMoreWhereTheHomeserverDoesNotAnswer) {
  leaves(3);
  homeserver_.answer_send = [](const auto&) { return homeserver::NotArrived{"connection refused"}; };
  const EndedCall ended = end(Action::send);
  EXPECT_EQ(ended.done, 0u);
  EXPECT_EQ(ended.failed, 3u);
  EXPECT_TRUE(ended.more);
}

TEST_F(EndCallTest, OneWithoutAnOutcomeKeepsTheOthersInNoCall) {
  const auto in_doubt = schedule(room, "m.call.member");
  homeserver_.send_time = [](const auto&) { return 25s; };
  clock_.advance(1h + 1s);  // it is being sent
  const auto others = leaves(3);
  const EndedCall ended = end(Action::cancel);
  EXPECT_EQ(ended.done, 3u);
  EXPECT_EQ(ended.failed, 1u);
  EXPECT_TRUE(ended.more);
  EXPECT_EQ(state(in_doubt), State::sending);
  for (const auto& leave : others) EXPECT_EQ(state(leave), State::cancelled);
}

TEST_F(EndCallTest, EndsInTimeAndSaysThatThereIsMore) {
  leaves(10);
  homeserver_.send_time = [](const auto&) { return 4s; };
  const EndedCall ended = end(Action::send);
  EXPECT_EQ(ended.done, 5u);
  EXPECT_TRUE(ended.more);
  EXPECT_EQ(end(Action::send).done, 5u);
}

}  // namespace
}  // namespace afterword::api
