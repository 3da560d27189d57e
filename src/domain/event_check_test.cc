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

TEST(EventCheck, RefusesWhatIsNoRoomId) {
  const std::string hash(43, 'h');
  for (const std::string& id : {std::string("!room:example.org"), std::string("!a b/ä%:1.2.3.4:8448"),
                                std::string("!x:[2001:db8::1]:8448"), std::string("!x:localhost"), "!" + hash}) {
    EXPECT_TRUE(is_room_id(id)) << id;
  }
  for (const std::string& id :
       {std::string(), std::string("!"), std::string("!room"), std::string("!:example.org"), std::string("!room:"),
        std::string("room:example.org"), std::string("#room:example.org"), std::string("!room:example.org:"),
        std::string("!room:example.org:84480000"), std::string("!room:exa mple"), std::string("!room:[::1"),
        std::string("!room:a/b"), std::string("!ro\nom:example.org"), std::string("!room\0:example.org", 18),
        "!" + hash + "h", "!" + hash.substr(1) + "/", "$" + hash}) {
    EventToSend event = message("{}");
    event.room_id = RoomId(id);
    const auto fault = check(event);
    ASSERT_TRUE(fault) << id;
    EXPECT_EQ(fault->fault, Fault::no_id) << id;
  }
}

TEST(EventCheck, RefusesEmptyTypesAndEventIds) {
  EventToSend event = message("{}");
  event.type.clear();
  EXPECT_EQ(check(event)->fault, Fault::no_id);
  event = message("{}");
  event.kind = EventKind::redaction;
  for (const char* id : {"", "$", "event", "$a\nb"}) {
    event.redacts = EventId(id);
    EXPECT_EQ(check(event)->fault, Fault::no_id) << id;
  }
  event.redacts = EventId("$event:example.org");
  EXPECT_FALSE(check(event));
}

TEST(EventCheck, RefusesANulInATypeOrStateKey) {
  EventToSend event = message("{}");
  event.type = std::string("a\0b", 3);
  EXPECT_EQ(check(event)->fault, Fault::no_id);
  event = message("{}");
  event.kind = EventKind::state;
  event.state_key = std::string(1, '\0');
  EXPECT_EQ(check(event)->fault, Fault::no_id);
}

TEST(EventCheck, RefusesWhatNoPathCanCarryUnfolded) {
  for (const char* name : {".", "..", "a/..", "../a", "a/./b", "/.."}) {
    EventToSend event = message("{}");
    event.type = name;
    EXPECT_EQ(check(event)->fault, Fault::no_id) << name;
    event = message("{}");
    event.kind = EventKind::state;
    event.state_key = name;
    EXPECT_EQ(check(event)->fault, Fault::no_id) << name;
  }
  for (const char* name : {"...", ".a", "a.", "a..b", "a/b", "//", "%2e%2e", ""}) {
    EventToSend event = message("{}");
    event.kind = EventKind::state;
    event.state_key = name;
    EXPECT_FALSE(check(event)) << name;
  }
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
