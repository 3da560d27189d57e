#include "homeserver/send_request.h"

#include <gtest/gtest.h>

namespace afterword::homeserver {
namespace {

using namespace std::chrono_literals;

const domain::DelayId delay_id(domain::DelayId::Bytes{1, 2, 3});
const domain::Attempt attempt{wall_from_ms(1234)};

domain::EventToSend message() {
  domain::EventToSend event;
  event.user_id = domain::UserId("@alice:example.org");
  event.room_id = domain::RoomId("!room:example.org");
  event.type = "m.room.message";
  event.content = R"({"body":"hello"})";
  return event;
}

std::string target_of(const domain::EventToSend& event) {
  return make_send_request(delay_id, event, attempt, "secret").target;
}

TEST(SendRequest, SendsAMessageAsItsOwner) {
  const http::Request request = make_send_request(delay_id, message(), attempt, "secret");
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.target, "/_matrix/client/v3/rooms/%21room%3Aexample.org/send/m.room.message/" +
                                delay_id.to_string() + "?user_id=%40alice%3Aexample.org&ts=1234");
  EXPECT_EQ(request.headers.find("Authorization"), "Bearer secret");
  EXPECT_EQ(request.headers.find("Content-Type"), "application/json");
  EXPECT_EQ(request.body, R"({"body":"hello"})");
}

TEST(SendRequest, NamesTheDeviceInBothWays) {
  auto event = message();
  event.device_id = domain::DeviceId("PHONE");
  EXPECT_NE(target_of(event).find("&device_id=PHONE&org.matrix.msc3202.device_id=PHONE"), std::string::npos);
}

TEST(SendRequest, PutsStateUnderItsKey) {
  auto event = message();
  event.kind = domain::EventKind::state;
  event.type = "m.call/member";
  event.state_key = "@alice:example.org";
  EXPECT_TRUE(target_of(event).starts_with(
      "/_matrix/client/v3/rooms/%21room%3Aexample.org/state/m.call%2Fmember/%40alice%3Aexample.org?"));
}

TEST(SendRequest, AnEmptyStateKeyLeavesASlash) {
  auto event = message();
  event.kind = domain::EventKind::state;
  event.type = "m.room.topic";
  EXPECT_TRUE(
      target_of(event).starts_with("/_matrix/client/v3/rooms/%21room%3Aexample.org/state/m.room.topic/?user_id="));
}

TEST(SendRequest, RedactsAnEvent) {
  auto event = message();
  event.kind = domain::EventKind::redaction;
  event.redacts = domain::EventId("$other");
  EXPECT_TRUE(target_of(event).starts_with("/_matrix/client/v3/rooms/%21room%3Aexample.org/redact/%24other/" +
                                           delay_id.to_string() + "?"));
}

TEST(SendRequest, CarriesTheStickyDuration) {
  auto event = message();
  event.sticky_duration = 60s;
  EXPECT_TRUE(target_of(event).ends_with("&org.matrix.msc4354.sticky_duration_ms=60000"));
}

TEST(SendRequest, TheAttemptDecidesTheTimestamp) {
  auto event = message();
  event.origin_server_ts = wall_from_ms(99);
  EXPECT_TRUE(target_of(event).ends_with("&ts=1234"));
}

}  // namespace
}  // namespace afterword::homeserver
