#include "api/delayed_event_json.h"

#include "base/json.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace afterword::api {
namespace {

domain::EventToSend to_send() {
  domain::EventToSend event;
  event.room_id = domain::RoomId("!room:example.org");
  event.type = "m.call.member";
  event.content = R"({"memberships":[]})";
  return event;
}

domain::DelayedEvent event(domain::EventToSend event_to_send = to_send()) {
  domain::DelayedEvent event;
  event.event = std::make_shared<const domain::EventToSend>(std::move(event_to_send));
  event.timing = {from_ms(1000), Milliseconds(500)};
  return event;
}

std::string shown(const domain::DelayedEvent& event, WireForm form) { return to_json(event, form, Milliseconds(0)); }

TEST(DelayedEventJson, ShowsAScheduledEvent) {
  EXPECT_EQ(shown(event(), WireForm::stable),
            R"({"delay_id":"AAAAAAAAAAAAAAAAAAAAAA","room_id":"!room:example.org","type":"m.call.member",)"
            R"("delay_ms":500,"delayed_since_ts":1000,"content":{"memberships":[]}})");
}

TEST(DelayedEventJson, AddsTheOlderNamesOnUnstableRoutes) {
  EXPECT_EQ(shown(event(), WireForm::unstable),
            R"({"delay_id":"AAAAAAAAAAAAAAAAAAAAAA","room_id":"!room:example.org","type":"m.call.member",)"
            R"("delay_ms":500,"delayed_since_ts":1000,"delay":500,"running_since":1000,)"
            R"("content":{"memberships":[]}})");
}

TEST(DelayedEventJson, ShowsTheStateKeyOfAStateEventOnly) {
  EXPECT_EQ(shown(event(), WireForm::stable).find("state_key"), std::string::npos);
  domain::EventToSend state = to_send();
  state.kind = domain::EventKind::state;
  EXPECT_NE(shown(event(state), WireForm::stable).find(R"("state_key":"")"), std::string::npos);
}

TEST(DelayedEventJson, ShowsHowItEnded) {
  domain::DelayedEvent ended = event();
  ended.finalised = domain::Finalised{from_ms(1500), domain::EventId("$sent")};
  EXPECT_NE(shown(ended, WireForm::stable).find(R"("finalised":{"finalised_ts":1500,"event_id":"$sent"})"),
            std::string::npos);
  ended.finalised->outcome = domain::HomeserverError{403, R"({"errcode":"M_FORBIDDEN","error":"no"})"};
  EXPECT_NE(shown(ended, WireForm::stable)
                .find(R"("finalised":{"finalised_ts":1500,"error":{"errcode":"M_FORBIDDEN","error":"no"}})"),
            std::string::npos);
  ended.finalised->outcome = domain::Cancelled{};
  EXPECT_NE(shown(ended, WireForm::stable).find(R"("finalised":{"finalised_ts":1500})"), std::string::npos);
}

TEST(DelayedEventJson, RepeatsTheOutcomeOnUnstableRoutesWhereOlderClientsLookForIt) {
  domain::DelayedEvent ended = event();
  ended.finalised = domain::Finalised{from_ms(1500), domain::EventId("$sent")};
  const json::object members = *parse_json_object(shown(ended, WireForm::unstable));
  EXPECT_EQ(members.at("finalised_ts").as_int64(), 1500);
  EXPECT_EQ(members.at("event_id").as_string(), "$sent");
  EXPECT_EQ(to_text(members.at("finalised")), R"({"finalised_ts":1500,"event_id":"$sent"})");
  EXPECT_FALSE(parse_json_object(shown(ended, WireForm::stable))->contains("finalised_ts"));
}

TEST(DelayedEventJson, ShowsWallTime) {
  domain::DelayedEvent ended = event();
  ended.finalised = domain::Finalised{from_ms(1500), domain::Cancelled{}};
  const json::object members = *parse_json_object(to_json(ended, WireForm::unstable, Milliseconds(300)));
  EXPECT_EQ(members.at("delayed_since_ts").as_int64(), 1300);
  EXPECT_EQ(members.at("running_since").as_int64(), 1300);
  EXPECT_EQ(members.at("finalised_ts").as_int64(), 1800);
  EXPECT_EQ(members.at("delay_ms").as_int64(), 500);
}

TEST(DelayedEventJson, ShowsWhatARedactionRedacts) {
  domain::EventToSend redaction = to_send();
  redaction.kind = domain::EventKind::redaction;
  redaction.redacts = domain::EventId("$bad");
  redaction.content = R"({"reason":"spam"})";
  EXPECT_NE(shown(event(redaction), WireForm::stable).find(R"("content":{"reason":"spam","redacts":"$bad"})"),
            std::string::npos);
}

}  // namespace
}  // namespace afterword::api
