#include "gateway/who_is_asking.h"

#include "async/testing/manual_clock.h"
#include "homeserver/testing/access_tokens.h"
#include "homeserver/testing/fake_homeserver.h"

#include <gtest/gtest.h>

namespace afterword::gateway {
namespace {

using domain::DeviceId;
using domain::UserId;
using homeserver::Credentials;
using homeserver::Identity;
using homeserver::WhoamiAnswer;

using namespace std::chrono_literals;

const UserId alice("@alice:example.org");
const UserId bridge("@bridge:example.org");
const homeserver::AccessToken token = homeserver::testing::access_token("token");
const domain::HomeserverError forbidden{403, R"({"errcode":"M_FORBIDDEN","error":"no"})"};
const domain::HomeserverError unknown_token{401, R"({"errcode":"M_UNKNOWN_TOKEN","error":"no"})"};

class WhoIsAsking : public ::testing::Test {
 protected:
  ~WhoIsAsking() override { clock_.run(tokens_.close()); }

  auto ask(Credentials credentials, Purpose purpose = Purpose::send) {
    Asking asking;
    asking.credentials = std::move(credentials);
    asking.purpose = purpose;
    asking.must_know_application_service = purpose == Purpose::send;
    return clock_.run(identify(tokens_, clock_, std::move(asking)));
  }
  bool is_application_service(Credentials credentials) {
    const auto caller = ask(std::move(credentials));
    EXPECT_TRUE(caller);
    return caller && caller->is_application_service;
  }

  // As Synapse answers the token of a user, and of a service that may speak for Alice.
  static WhoamiAnswer answer_user(const Credentials&) { return Identity{alice, std::nullopt}; }
  static WhoamiAnswer answer_service(const Credentials& credentials) {
    const std::string named = credentials.user_id.value_or(bridge.value);
    if (named != alice.value && named != bridge.value) return forbidden;
    Identity identity{UserId(named), std::nullopt};
    if (credentials.device_id) identity.device_id = DeviceId(*credentials.device_id);
    return identity;
  }

  async::testing::ManualClock clock_;
  homeserver::testing::FakeHomeserver homeserver_{clock_};
  homeserver::TokenCache tokens_{clock_.context().get_executor(), clock_, homeserver_};
};

TEST_F(WhoIsAsking, IsAUserWithADevice) {
  homeserver_.answer_whoami = [](const Credentials&) { return Identity{alice, DeviceId("PHONE")}; };
  const auto caller = ask({token, std::nullopt, std::nullopt});
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->user_id, alice);
  EXPECT_EQ(caller->device_id, DeviceId("PHONE"));
  EXPECT_FALSE(caller->is_application_service);
}

TEST_F(WhoIsAsking, IsAnApplicationServiceThatActsForAUser) {
  homeserver_.answer_whoami = answer_service;
  auto caller = ask({token, alice.value, std::nullopt});
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->user_id, alice);
  EXPECT_FALSE(caller->device_id);
  EXPECT_TRUE(caller->is_application_service);

  caller = ask({token, alice.value, "PHONE"});
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->device_id, DeviceId("PHONE"));
  EXPECT_TRUE(caller->is_application_service);

  EXPECT_EQ(ask({token, "@other:example.org", std::nullopt}).error().answer.status, 403);
}

TEST_F(WhoIsAsking, IsAnApplicationServiceThatActsForItself) {
  homeserver_.answer_whoami = answer_service;
  EXPECT_TRUE(is_application_service({token, std::nullopt, std::nullopt}));
  EXPECT_TRUE(is_application_service({token, bridge.value, std::nullopt}));
}

TEST_F(WhoIsAsking, IsAnApplicationServiceThatMaySpeakForAnybody) {
  homeserver_.answer_whoami = [](const Credentials& credentials) {
    return Identity{UserId(credentials.user_id.value_or(bridge.value)), std::nullopt};
  };
  EXPECT_TRUE(is_application_service({token, std::nullopt, std::nullopt}));
}

// An admin's "log in as", or OAuth without a device scope.
TEST_F(WhoIsAsking, IsStillAUserWithoutADevice) {
  homeserver_.answer_whoami = answer_user;
  for (const auto& named : {std::optional<std::string>(), std::optional(alice.value), std::optional(bridge.value)}) {
    for (const auto& device_id : {std::optional<std::string>(), std::optional<std::string>("PHONE")}) {
      const auto caller = ask({token, named, device_id});
      ASSERT_TRUE(caller);
      EXPECT_EQ(caller->user_id, alice);
      EXPECT_FALSE(caller->device_id);
      EXPECT_FALSE(caller->is_application_service);
    }
  }
}

// As Dendrite answers: the service has a device of its own, and acts for others on another one.
TEST_F(WhoIsAsking, IsAnApplicationServiceThatDendriteGivesADevice) {
  homeserver_.answer_whoami = [](const Credentials& credentials) -> WhoamiAnswer {
    if (!credentials.user_id) return Identity{bridge, DeviceId("bridge")};
    if (credentials.user_id != alice.value) return forbidden;
    return Identity{alice, DeviceId("AS_Device")};
  };
  for (const auto& device_id : {std::optional<std::string>(), std::optional<std::string>("PHONE")}) {
    const auto caller = ask({token, alice.value, device_id});
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->user_id, alice);
    EXPECT_FALSE(caller->device_id);
    EXPECT_TRUE(caller->is_application_service);
  }
  EXPECT_TRUE(is_application_service({token, std::nullopt, std::nullopt}));
  EXPECT_EQ(ask({token, "@other:example.org", std::nullopt}).error().answer.status, 403);
}

// Where its sender has no account.
TEST_F(WhoIsAsking, IsAnApplicationServiceThatDendriteKnowsOnlyWithAName) {
  homeserver_.answer_whoami = [](const Credentials& credentials) -> WhoamiAnswer {
    if (!credentials.user_id) return unknown_token;
    return Identity{UserId(*credentials.user_id), DeviceId("AS_Device")};
  };
  const auto caller = ask({token, alice.value, std::nullopt});
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->user_id, alice);
  EXPECT_FALSE(caller->device_id);
  EXPECT_TRUE(caller->is_application_service);
}

TEST_F(WhoIsAsking, IsStillAUserWhoNamedADeviceLikeThat) {
  homeserver_.answer_whoami = [](const Credentials&) { return Identity{alice, DeviceId("AS_Device")}; };
  for (const auto& named : {std::optional<std::string>(), std::optional(alice.value), std::optional(bridge.value)}) {
    const auto caller = ask({token, named, std::nullopt});
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->user_id, alice);
    EXPECT_EQ(caller->device_id, DeviceId("AS_Device"));
    EXPECT_FALSE(caller->is_application_service);
  }
}

// It was unknown when it was asked about by itself, because the account was locked, and is good by the next question.
TEST_F(WhoIsAsking, IsStillAUserWhoWasLockedAMomentAgo) {
  homeserver_.next_whoami_answers = {domain::HomeserverError{401, R"({"errcode":"M_USER_LOCKED"})"},
                                     Identity{alice, DeviceId("AS_Device")}};
  EXPECT_FALSE(is_application_service({token, alice.value, std::nullopt}));
}

TEST_F(WhoIsAsking, IsStillAUserWhoLoggedOutBetweenTwoQuestions) {
  homeserver_.next_whoami_answers = {Identity{alice, std::nullopt}, unknown_token};
  EXPECT_FALSE(is_application_service({token, alice.value, std::nullopt}));
}

TEST_F(WhoIsAsking, IsToldTheHomeserversRefusal) {
  homeserver_.answer_whoami = [](const Credentials&) -> WhoamiAnswer { return unknown_token; };
  for (const auto& named : {std::optional<std::string>(), std::optional(alice.value)}) {
    const auto caller = ask({token, named, std::nullopt});
    ASSERT_FALSE(caller);
    EXPECT_EQ(caller.error().answer.status, 401);
    EXPECT_TRUE(caller.error().is_refused);
  }
}

TEST_F(WhoIsAsking, IsNotKnownWhileTheHomeserverIsAway) {
  homeserver_.answer_whoami = [](const Credentials&) -> WhoamiAnswer { return homeserver::Unreachable{"away"}; };
  const auto caller = ask({token, std::nullopt, std::nullopt});
  EXPECT_EQ(caller.error().answer.status, 503);
  EXPECT_TRUE(caller.error().answer.headers.find("Retry-After"));
  EXPECT_FALSE(caller.error().is_refused);
}

TEST_F(WhoIsAsking, IsAnsweredInTimeWhateverTheHomeserverDoes) {
  homeserver_.answer_whoami = answer_service;
  homeserver_.whoami_time = 10s;
  for (const auto& named : {std::optional<std::string>(), std::optional(alice.value)}) {
    const auto start = clock_.steady_now();
    EXPECT_FALSE(ask({token, named, "PHONE"}, Purpose::restart));
    EXPECT_LT(clock_.steady_now() - start, 2s);
  }
}

TEST_F(WhoIsAsking, IsTrustedForWhatTheHomeserverSaidAsFarAsThePurposeAllows) {
  homeserver_.answer_whoami = [](const Credentials&) { return Identity{alice, DeviceId("PHONE")}; };
  const Credentials credentials{token, std::nullopt, std::nullopt};
  const auto allowed = [&] {
    std::string purposes;
    if (ask(credentials, Purpose::restart)) purposes += "restart ";
    if (ask(credentials, Purpose::cancel)) purposes += "cancel ";
    if (ask(credentials, Purpose::look_up)) purposes += "look_up ";
    if (ask(credentials, Purpose::send)) purposes += "send ";
    return purposes;
  };
  EXPECT_EQ(allowed(), "restart cancel look_up send ");
  homeserver_.answer_whoami = [](const Credentials&) -> WhoamiAnswer { return homeserver::Unreachable{"away"}; };
  clock_.advance(30s);
  EXPECT_EQ(allowed(), "restart cancel look_up send ");
  clock_.advance(1s);
  EXPECT_EQ(allowed(), "restart cancel look_up ");
  clock_.advance(5min);
  EXPECT_EQ(allowed(), "restart cancel ");
  clock_.advance(24h);
  EXPECT_EQ(allowed(), "");
}

// The errcode of the refusal, or the token that was read; "none" if there is none.
std::string read_token(const std::vector<std::string>& authorizations, std::string_view query) {
  http::Request request;
  for (const std::string& value : authorizations) request.headers.add("Authorization", value);
  const auto read = credentials_of(request, *http::Target::parse("/path?" + std::string(query)));
  if (!read) return std::to_string(read.error().status) + " " + read.error().errcode;
  return *read ? std::string((*read)->access_token.text()) : "none";
}

TEST(CredentialsOf, ReadsTheHeaderOrTheQuery) {
  EXPECT_EQ(read_token({}, ""), "none");
  EXPECT_EQ(read_token({}, "access_token="), "none");
  EXPECT_EQ(read_token({}, "access_token=a%2Fb"), "a/b");
  EXPECT_EQ(read_token({"Bearer abc=="}, "user_id=x"), "abc==");
  EXPECT_EQ(read_token({"bearer abc"}, ""), "abc");
}

TEST(CredentialsOf, RefusesWhatCanBeReadInTwoWays) {
  EXPECT_EQ(read_token({"Bearer a", "Bearer a"}, ""), "401 M_MISSING_TOKEN");
  EXPECT_EQ(read_token({"Bearer a"}, "access_token=a"), "401 M_MISSING_TOKEN");
  EXPECT_EQ(read_token({"Basic YTpi"}, ""), "401 M_MISSING_TOKEN");
  EXPECT_EQ(read_token({"Basic YTpi"}, "access_token=a"), "401 M_MISSING_TOKEN");
}

TEST(CredentialsOf, RefusesATokenThatNoHomeserverGives) {
  for (const char* query : {"access_token=x%0d%0aX-Injected:%20yes", "access_token=x%00", "access_token=x%20y",
                            "access_token=x+y", "access_token=%c3%a4", "access_token=x%ZZ"}) {
    EXPECT_EQ(read_token({}, query), "401 M_UNKNOWN_TOKEN") << query;
  }
  EXPECT_EQ(read_token({"Bearer  x"}, ""), "401 M_UNKNOWN_TOKEN");
  EXPECT_EQ(read_token({"Bearer x y"}, ""), "401 M_UNKNOWN_TOKEN");
  EXPECT_EQ(read_token({"Bearer " + std::string(5000, 'x')}, ""), "401 M_UNKNOWN_TOKEN");
}

}  // namespace
}  // namespace afterword::gateway
