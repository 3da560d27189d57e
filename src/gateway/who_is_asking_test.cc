#include "gateway/who_is_asking.h"

#include "async/testing/manual_clock.h"
#include "homeserver/testing/fake_homeserver.h"

#include <gtest/gtest.h>

namespace afterword::gateway {
namespace {

using domain::DeviceId;
using domain::UserId;
using homeserver::Credentials;
using homeserver::Identity;
using homeserver::WhoamiAnswer;

const UserId alice("@alice:example.org");
const UserId bridge("@bridge:example.org");
const domain::HomeserverError unknown_token{401, R"({"errcode":"M_UNKNOWN_TOKEN","error":"no"})"};

class WhoIsAsking : public ::testing::Test {
 protected:
  ~WhoIsAsking() override { clock_.run(tokens_.close()); }

  auto ask(Credentials credentials) { return clock_.run(identify(tokens_, std::move(credentials), WhileAway::refuse)); }

  async::testing::ManualClock clock_;
  homeserver::testing::FakeHomeserver homeserver_{clock_};
  homeserver::TokenCache tokens_{clock_.context().get_executor(), clock_, homeserver_};
};

TEST_F(WhoIsAsking, IsAUserWithADevice) {
  homeserver_.answer_whoami = [](const Credentials&) { return Identity{alice, DeviceId("PHONE")}; };
  const auto caller = ask({"token", std::nullopt, std::nullopt});
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->user_id, alice);
  EXPECT_EQ(caller->device_id, DeviceId("PHONE"));
  EXPECT_FALSE(caller->is_application_service);
}

// As Synapse answers.
TEST_F(WhoIsAsking, IsAnApplicationServiceWithoutADevice) {
  homeserver_.answer_whoami = [](const Credentials& credentials) {
    Identity identity{UserId(credentials.user_id.value_or(bridge.value)), std::nullopt};
    if (credentials.device_id) identity.device_id = DeviceId(*credentials.device_id);
    return identity;
  };
  auto caller = ask({"token", alice.value, std::nullopt});
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->user_id, alice);
  EXPECT_FALSE(caller->device_id);
  EXPECT_TRUE(caller->is_application_service);

  caller = ask({"token", alice.value, "PHONE"});
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->device_id, DeviceId("PHONE"));
  EXPECT_TRUE(caller->is_application_service);
}

// As Dendrite answers: only with a user_id, and with a device of its own making.
TEST_F(WhoIsAsking, IsAnApplicationServiceThatDendriteGivesADevice) {
  homeserver_.answer_whoami = [](const Credentials& credentials) -> WhoamiAnswer {
    if (!credentials.user_id) return unknown_token;
    return Identity{UserId(*credentials.user_id), DeviceId("AS_Device")};
  };
  const auto caller = ask({"token", alice.value, std::nullopt});
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->user_id, alice);
  EXPECT_FALSE(caller->device_id);
  EXPECT_TRUE(caller->is_application_service);
}

TEST_F(WhoIsAsking, IsStillAUserWhoNamedADeviceLikeThat) {
  homeserver_.answer_whoami = [](const Credentials&) { return Identity{alice, DeviceId("AS_Device")}; };
  for (const auto& user_id : {std::optional<std::string>(), std::optional(alice.value)}) {
    const auto caller = ask({"token", user_id, std::nullopt});
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->device_id, DeviceId("AS_Device"));
    EXPECT_FALSE(caller->is_application_service);
  }
}

TEST_F(WhoIsAsking, IsToldTheHomeserversRefusal) {
  homeserver_.answer_whoami = [](const Credentials&) -> WhoamiAnswer { return unknown_token; };
  const auto caller = ask({"token", std::nullopt, std::nullopt});
  ASSERT_FALSE(caller);
  EXPECT_EQ(caller.error().status, 401);
}

TEST_F(WhoIsAsking, IsNotKnownWhileTheHomeserverIsAway) {
  homeserver_.answer_whoami = [](const Credentials&) -> WhoamiAnswer { return homeserver::Unreachable{"away"}; };
  EXPECT_EQ(ask({"token", std::nullopt, std::nullopt}).error().status, 502);
}

}  // namespace
}  // namespace afterword::gateway
