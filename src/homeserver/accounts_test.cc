#include "homeserver/accounts.h"

#include "homeserver/testing/loopback.h"

#include <optional>
#include <string>

namespace afterword::homeserver {
namespace {

using namespace std::chrono_literals;

// Steady time that is ahead by what the test says.
class ShiftedClock final : public async::Clock {
 public:
  explicit ShiftedClock(async::Executor executor) : system_(std::move(executor)) {}

  async::Steady steady_now() const override { return system_.steady_now() + ahead; }
  Task<void> sleep_until(async::Steady when) override { return system_.sleep_until(when - ahead); }
  MachineTime machine_time() const override { return system_.machine_time(); }

  std::chrono::milliseconds ahead{0};

 private:
  Milliseconds since_boot() const override { return system_.machine_time().since_boot; }

  async::SystemClock system_;
};

class AccountsTest : public testing::LoopbackTest {
 protected:
  AccountsTest() {
    event_.user_id = domain::UserId("@alice:example.org");
    event_.type = "m.room.message";
    event_.content = "{}";
  }

  void open(std::optional<std::string> token = "admin") { accounts_.emplace(*http_, time_, std::move(token)); }
  std::optional<SendAnswer> ask() { return run(accounts_->answer_for(event_)); }
  void answers(http::Response response) {
    answer_ = [response](const http::Request&) { return response; };
  }
  void account_is(const std::string& members) { answers({200, {}, R"({"name":"@alice:example.org")" + members + "}"}); }

  ShiftedClock time_{context_.get_executor()};
  std::optional<Accounts> accounts_;
  domain::EventToSend event_;
};

TEST_F(AccountsTest, WithoutATokenNobodyIsAsked) {
  open(std::nullopt);
  EXPECT_FALSE(ask());
  EXPECT_TRUE(requests_.empty());
}

TEST_F(AccountsTest, AHealthyAccountSends) {
  open();
  account_is(R"(,"locked":false,"deactivated":false,"shadow_banned":false)");
  EXPECT_FALSE(ask());
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].target, "/_synapse/admin/v2/users/%40alice%3Aexample.org");
  EXPECT_EQ(requests_[0].headers.find("Authorization"), "Bearer admin");
}

TEST_F(AccountsTest, ALockedOneFailsAsItsOwnerWould) {
  open();
  account_is(R"(,"locked":true)");
  const auto answer = ask();
  ASSERT_TRUE(answer);
  const auto& refused = std::get<Refused>(*answer);
  EXPECT_EQ(refused.error.status, 401);
  EXPECT_EQ(refused.errcode, "M_USER_LOCKED");
  EXPECT_FALSE(refused.may_be_stopping);
}

TEST_F(AccountsTest, ADeactivatedOneFails) {
  open();
  account_is(R"(,"deactivated":true)");
  EXPECT_EQ(std::get<Refused>(ask().value()).errcode, "M_USER_DEACTIVATED");
}

TEST_F(AccountsTest, AShadowBannedOneIsToldThatAllWentWell) {
  open();
  account_is(R"(,"shadow_banned":true)");
  const std::string one = std::get<Sent>(ask().value()).event_id.value;
  const std::string other = std::get<Sent>(ask().value()).event_id.value;
  EXPECT_EQ(one.size(), 44u);
  EXPECT_TRUE(one.starts_with("$"));
  EXPECT_NE(one, other);
}

TEST_F(AccountsTest, AShadowBannedOneMayLeaveButNotInvite) {
  open();
  account_is(R"(,"shadow_banned":true)");
  event_.kind = domain::EventKind::state;
  event_.type = "m.room.member";
  event_.content = R"({"membership":"leave"})";
  EXPECT_FALSE(ask());
  event_.content = R"({"membership":"invite"})";
  EXPECT_TRUE(ask());
}

TEST_F(AccountsTest, IsRememberedForSeconds) {
  open();
  account_is("");
  EXPECT_FALSE(ask());
  account_is(R"(,"locked":true)");
  EXPECT_FALSE(ask());
  EXPECT_EQ(requests_.size(), 1u);
  time_.ahead = 5s;
  EXPECT_TRUE(ask());
}

TEST_F(AccountsTest, WhatIsNoAnswerHoldsNothingBack) {
  const http::Response no_answers[] = {{401, {}, R"({"errcode":"M_UNKNOWN_TOKEN"})"},
                                       {403, {}, R"({"errcode":"M_FORBIDDEN"})"},
                                       {404, {}, R"({"errcode":"M_UNRECOGNIZED"})"},
                                       {200, {}, "<html>"},
                                       {500, {}, ""},
                                       {200, {}, std::string(300'000, ' ') + R"({"locked":true})"}};
  for (const auto& given : no_answers) {
    open();
    requests_.clear();
    answers(given);
    EXPECT_FALSE(ask());
    EXPECT_FALSE(ask());
    EXPECT_EQ(requests_.size(), 1u);  // and is not asked again at once
  }
}

TEST_F(AccountsTest, AnOwnerWithoutAnAccountIsNoFailure) {
  open();
  answers({404, {}, R"({"errcode":"M_NOT_FOUND"})"});
  EXPECT_FALSE(ask());
  event_.user_id = domain::UserId("@bob:example.org");
  EXPECT_FALSE(ask());
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(AccountsTest, NobodyWaitsForLongForIt) {
  open();
  account_is("");
  answer_time_ = 3s;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(ask());
  EXPECT_FALSE(ask());
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2900ms);
  time_.ahead = 10s;
  answer_time_ = 0ms;
  account_is(R"(,"locked":true)");
  EXPECT_TRUE(ask());
}

}  // namespace
}  // namespace afterword::homeserver
