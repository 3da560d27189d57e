#include "domain/event_check.h"

#include <gtest/gtest.h>

namespace afterword::domain {
namespace {

std::optional<EventFault> check(EventToSend event) {
  const std::optional<json::object> content = parse_json_object(event.content);
  EXPECT_TRUE(content) << event.content;
  return check_event(event, *content);
}

EventToSend message(std::string content) {
  EventToSend event;
  event.user_id = UserId("@alice:example.org");
  event.room_id = RoomId("!room:example.org");
  event.type = "m.room.message";
  event.content = std::move(content);
  return event;
}

TEST(EventCheck, FindsNothingAgainstAnOrdinaryMessage) {
  EXPECT_FALSE(check(message(R"({"msgtype": "m.text", "body": "hello", "n": [1, -9007199254740991]})")));
}

TEST(EventCheck, RefusesNumbersThatCanonicalJsonDoesNotAllow) {
  for (const char* number : {"1.5", "1.0", "1e3", "9007199254740992", "-9007199254740992", "18446744073709551615"}) {
    const auto fault = check(message(std::string(R"({"deep": [{"n": )") + number + "}]}"));
    ASSERT_TRUE(fault) << number;
    EXPECT_EQ(fault->fault, Fault::malformed);
  }
}

TEST(EventCheck, RefusesKeysOver255Bytes) {
  EventToSend event = message("{}");
  event.type.assign(255, 't');
  EXPECT_FALSE(check(event));
  event.type += 't';
  EXPECT_EQ(check(event)->fault, Fault::too_large);

  event = message("{}");
  event.room_id.value.assign(256, '!');
  EXPECT_EQ(check(event)->fault, Fault::too_large);

  event = message("{}");
  event.redacts.value.assign(256, '$');
  EXPECT_EQ(check(event)->fault, Fault::too_large);

  event.type = "m.call";
  event.kind = EventKind::state;
  event.state_key.assign(256, 'k');
  EXPECT_EQ(check(event)->fault, Fault::too_large);
}

TEST(EventCheck, RefusesEventsOver65536Bytes) {
  EXPECT_FALSE(check(message(R"({"body": ")" + std::string(60'000, 'x') + "\"}")));
  EXPECT_EQ(check(message(R"({"body": ")" + std::string(65'536, 'x') + "\"}"))->fault, Fault::too_large);
}

TEST(EventCheck, WantsAMembershipOfAMember) {
  EventToSend event = message(R"({"reason": "gone"})");
  event.kind = EventKind::state;
  event.type = "m.room.member";
  event.state_key = "@alice:example.org";
  EXPECT_EQ(check(event)->fault, Fault::malformed);
  event.content = R"({"membership": "leave"})";
  EXPECT_FALSE(check(event));
}

}  // namespace
}  // namespace afterword::domain
