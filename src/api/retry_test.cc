#include "api/retry.h"

#include "api/schedule.h"
#include "async/testing/manual_clock.h"
#include "base/json.h"
#include "homeserver/testing/fake_homeserver.h"
#include "store/testing/memory_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace afterword::api {
namespace {

using namespace std::chrono_literals;

const domain::UserId alice("@alice:example.org");
const domain::UserId bob("@bob:example.org");

class RetryTest : public ::testing::Test {
 protected:
  RetryTest() { clock_.run(delivery_.start()).value(); }
  ~RetryTest() override { clock_.run(delivery_.drain(0ms)); }

  static std::string delay_id_of(const http::Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    return string_member(parse_json_object(response.body).value(), "delay_id").value();
  }
  std::string schedule_one() {
    ScheduleRequest request;
    request.caller.user_id = alice;
    request.room_id = domain::RoomId("!room:example.org");
    request.type = "m.call.member";
    request.body = R"({"delay_ms":1000,"content":{},"state_key":"alice"})";
    return delay_id_of(clock_.run(schedule(context_, std::move(request))));
  }
  // One that the homeserver has refused so at its time.
  std::string failed_with(int status, std::string errcode) {
    const std::string body = R"({"errcode":")" + errcode + "\"}";
    homeserver_.next_answers = {homeserver::Refused{{status, body}, std::move(errcode), std::nullopt}};
    const std::string delay_id = schedule_one();
    clock_.advance(1s);
    EXPECT_EQ(state(delay_id), domain::State::failed);
    return delay_id;
  }
  http::Response retry_as(const domain::UserId& user, const std::string& delay_id) {
    return clock_.run(retry(context_, user, delay_id));
  }
  domain::State state(const std::string& delay_id) {
    return (*clock_.run(store_.look_up(*domain::DelayId::parse(delay_id), std::nullopt)))->state;
  }

  async::testing::ManualClock clock_;
  store::testing::MemoryDatabase database_{[this] { return clock_.now(); }};
  store::testing::MemoryStore store_{database_};
  homeserver::testing::FakeHomeserver homeserver_{clock_};
  delivery::Delivery delivery_{clock_.context().get_executor(), clock_, store_, homeserver_};
  Context context_{clock_, store_, delivery_, {}};
};

TEST_F(RetryTest, SendsInItsPlaceWhatALimitOfRateHasRefused) {
  const std::string failed = failed_with(429, "M_LIMIT_EXCEEDED");
  const std::string again = delay_id_of(retry_as(alice, failed));
  EXPECT_NE(again, failed);
  clock_.advance(1ms);
  EXPECT_EQ(state(again), domain::State::sent);
  EXPECT_EQ(state(failed), domain::State::failed);  // finalised never changes
  EXPECT_EQ(homeserver_.sends.back().event.state_key, "alice");
}

TEST_F(RetryTest, ARetryThatIsRepeatedMakesNoOther) {
  const std::string failed = failed_with(429, "M_LIMIT_EXCEEDED");
  const std::string again = delay_id_of(retry_as(alice, failed));
  EXPECT_EQ(delay_id_of(retry_as(alice, failed)), again);
  clock_.advance(1s);
  EXPECT_EQ(delay_id_of(retry_as(alice, failed)), again);
  clock_.advance(1s);
  EXPECT_EQ(homeserver_.sends.size(), 2u);
}

TEST_F(RetryTest, WhatIsRefusedAgainMayBeRetriedAgain) {
  const std::string failed = failed_with(429, "M_LIMIT_EXCEEDED");
  homeserver_.next_answers = {
      homeserver::Refused{{429, R"({"errcode":"M_LIMIT_EXCEEDED"})"}, "M_LIMIT_EXCEEDED", std::nullopt}};
  const std::string second = delay_id_of(retry_as(alice, failed));
  clock_.advance(1s);
  EXPECT_EQ(state(second), domain::State::failed);
  const std::string third = delay_id_of(retry_as(alice, second));
  clock_.advance(1s);
  EXPECT_EQ(state(third), domain::State::sent);
}

TEST_F(RetryTest, OnlyItsOwnerAndOnlyWhatMayPass) {
  const std::string limited = failed_with(429, "M_LIMIT_EXCEEDED");
  EXPECT_EQ(retry_as(bob, limited).status, 404);
  EXPECT_EQ(retry_as(alice, "no such thing").status, 404);
  EXPECT_EQ(retry_as(alice, failed_with(403, "M_FORBIDDEN")).status, 409);
  EXPECT_EQ(retry_as(alice, schedule_one()).status, 409);
}

TEST_F(RetryTest, ALimitOfNothingForbidsItToo) {
  const std::string failed = failed_with(429, "M_LIMIT_EXCEEDED");
  context_.limits.max_scheduled_per_user = 0;
  EXPECT_EQ(retry_as(alice, failed).status, 403);
}

}  // namespace
}  // namespace afterword::api
