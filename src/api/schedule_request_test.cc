#include "api/schedule_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace afterword::api {
namespace {

using domain::EventKind;

constexpr Timestamp now = from_ms(1'700'000'000'000);

ScheduleRequest stable(std::string body) {
  ScheduleRequest request;
  request.form = WireForm::stable;
  request.caller.user_id = domain::UserId("@alice:example.org");
  request.caller.device_id = domain::DeviceId("PHONE");
  request.room_id = domain::RoomId("!room:example.org");
  request.type = "m.room.message";
  request.body = std::move(body);
  return request;
}

ScheduleRequest unstable(std::string body) {
  ScheduleRequest request = stable(std::move(body));
  request.form = WireForm::unstable;
  return request;
}

ScheduleRequest legacy(std::string delay, std::string body) {
  ScheduleRequest request = stable(std::move(body));
  request.form = WireForm::legacy;
  request.delay = std::move(delay);
  return request;
}

auto read(const ScheduleRequest& request) { return read_schedule_request(request, domain::Limits(), now); }

TEST(ScheduleRequest, IsReadInAllThreeForms) {
  const std::vector<ScheduleRequest> requests = {
      stable(R"({"delay_ms": 5000, "content": {"body": "hi"}})"),
      unstable(R"({"delay_ms": 5000, "content": {"body": "hi"}})"),
      unstable(R"({"delay": 5000, "content": {"body": "hi"}})"),
      legacy("5000", R"({"body": "hi"})"),
  };
  for (const ScheduleRequest& request : requests) {
    const auto event = read(request);
    ASSERT_TRUE(event) << event.error().error;
    EXPECT_EQ(event->timing.delay, Milliseconds(5000));
    EXPECT_EQ(event->timing.delayed_since, now);
    EXPECT_EQ(event->event.content, R"({"body":"hi"})");
    EXPECT_EQ(event->event.kind, EventKind::message);
    EXPECT_EQ(event->event.user_id.value, "@alice:example.org");
    EXPECT_EQ(event->event.device_id->value, "PHONE");
  }
}

TEST(ScheduleRequest, IsAStateEventWithAStateKeyInTheBody) {
  const auto event = read(stable(R"({"delay_ms": 1, "state_key": "", "content": {}})"));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->event.kind, EventKind::state);
  EXPECT_EQ(event->event.state_key, "");
}

struct BadRequest {
  const char* what;
  ScheduleRequest request;
  int status;
  const char* errcode;
};

TEST(ScheduleRequest, TellsWhatIsWrong) {
  const std::vector<BadRequest> table = {
      {"no body", stable(""), 400, "M_NOT_JSON"},
      {"half a body", stable(R"({"delay_ms": 1, "content": {)"), 400, "M_NOT_JSON"},
      {"invalid UTF-8", stable("{\"delay_ms\": 1, \"content\": {\"body\": \"\xff\"}}"), 400, "M_NOT_JSON"},
      {"nested too deep", stable(std::string(200'000, '[')), 400, "M_NOT_JSON"},
      {"an array", stable("[]"), 400, "M_BAD_JSON"},
      {"null", stable("null"), 400, "M_BAD_JSON"},
      {"no delay", stable(R"({"content": {}})"), 400, "M_MISSING_PARAM"},
      {"the unstable name on the stable route", stable(R"({"delay": 1, "content": {}})"), 400, "M_MISSING_PARAM"},
      {"delay 0", stable(R"({"delay_ms": 0, "content": {}})"), 400, "M_INVALID_PARAM"},
      {"negative delay", stable(R"({"delay_ms": -1, "content": {}})"), 400, "M_INVALID_PARAM"},
      {"a float", stable(R"({"delay_ms": 1.5, "content": {}})"), 400, "M_INVALID_PARAM"},
      {"a whole float", stable(R"({"delay_ms": 1000.0, "content": {}})"), 400, "M_INVALID_PARAM"},
      {"a string", stable(R"({"delay_ms": "1000", "content": {}})"), 400, "M_INVALID_PARAM"},
      {"null delay", stable(R"({"delay_ms": null, "content": {}})"), 400, "M_INVALID_PARAM"},
      {"true", stable(R"({"delay_ms": true, "content": {}})"), 400, "M_INVALID_PARAM"},
      {"the last duplicate counts", stable(R"({"delay_ms": 1, "delay_ms": 0, "content": {}})"), 400, "M_INVALID_PARAM"},
      {"over the limit", stable(R"({"delay_ms": 2592000001, "content": {}})"), 400, "M_DELAY_TOO_LARGE"},
      {"2^53", stable(R"({"delay_ms": 9007199254740992, "content": {}})"), 400, "M_DELAY_TOO_LARGE"},
      {"2^64 - 1", stable(R"({"delay_ms": 18446744073709551615, "content": {}})"), 400, "M_DELAY_TOO_LARGE"},
      {"over the limit, unstable", unstable(R"({"delay_ms": 2592000001, "content": {}})"), 400,
       "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE"},
      {"over the limit, legacy", legacy("2592000001", "{}"), 400, "M_UNKNOWN"},
      {"beyond 64 bits, legacy", legacy("99999999999999999999999", "{}"), 400, "M_UNKNOWN"},
      {"no content", stable(R"({"delay_ms": 1})"), 400, "M_MISSING_PARAM"},
      {"content is not an object", stable(R"({"delay_ms": 1, "content": []})"), 400, "M_INVALID_PARAM"},
      {"state_key is not a string", stable(R"({"delay_ms": 1, "content": {}, "state_key": 1})"), 400,
       "M_INVALID_PARAM"},
      {"a state_key that no path can carry", stable(R"({"delay_ms": 1, "content": {}, "state_key": "a/../b"})"), 400,
       "M_INVALID_PARAM"},
      {"a float in the content", stable(R"({"delay_ms": 1, "content": {"n": 1.5}})"), 400, "M_BAD_JSON"},
      {"a member without membership",
       [] {
         ScheduleRequest request = stable(R"({"delay_ms": 1, "content": {}, "state_key": "@alice:example.org"})");
         request.type = "m.room.member";
         return request;
       }(),
       400, "M_BAD_JSON"},
      {"too large", stable(R"({"delay_ms": 1, "content": {"body": ")" + std::string(70'000, 'x') + "\"}}"), 413,
       "M_TOO_LARGE"},
      {"not a room",
       [] {
         ScheduleRequest request = stable(R"({"delay_ms": 1, "content": {}})");
         request.room_id = domain::RoomId("#alias:example.org");
         return request;
       }(),
       400, "M_INVALID_PARAM"},
      {"empty legacy delay", legacy("", "{}"), 400, "M_INVALID_PARAM"},
      {"legacy delay 0", legacy("0", "{}"), 400, "M_INVALID_PARAM"},
      {"negative legacy delay", legacy("-5", "{}"), 400, "M_INVALID_PARAM"},
      {"a word for a legacy delay", legacy("soon", "{}"), 400, "M_INVALID_PARAM"},
      {"a legacy delay with more behind it", legacy("5000x", "{}"), 400, "M_INVALID_PARAM"},
      {"a legacy body that is no JSON", legacy("5000", "hello"), 400, "M_NOT_JSON"},
  };
  for (const BadRequest& bad : table) {
    const auto event = read(bad.request);
    ASSERT_FALSE(event) << bad.what;
    EXPECT_EQ(event.error().status, bad.status) << bad.what;
    EXPECT_EQ(event.error().errcode, bad.errcode) << bad.what;
  }
}

TEST(ScheduleRequest, AllDelayLimitErrorsNameTheLimit) {
  for (const ScheduleRequest& request :
       {stable(R"({"delay_ms": 2592000001, "content": {}})"), unstable(R"({"delay_ms": 2592000001, "content": {}})"),
        legacy("2592000001", "{}")}) {
    const auto event = read(request);
    ASSERT_FALSE(event);
    EXPECT_EQ(event.error().extra.at("org.matrix.msc4140.max_delay").as_int64(), 2'592'000'000);
  }
  EXPECT_EQ(read(legacy("2592000001", "{}")).error().extra.at("org.matrix.msc4140.errcode").as_string(),
            "M_MAX_DELAY_EXCEEDED");
}

TEST(ScheduleRequest, AStateEventHasAShorterLimitThanAMessage) {
  for (const ScheduleRequest& request : {stable(R"({"delay_ms": 86400001, "content": {}, "state_key": ""})"),
                                         unstable(R"({"delay_ms": 86400001, "content": {}, "state_key": ""})")}) {
    const auto event = read(request);
    ASSERT_FALSE(event);
    EXPECT_EQ(event.error().extra.at("org.matrix.msc4140.max_delay").as_int64(), 86'400'000);
    EXPECT_EQ(event.error().extra.at("max_delay").as_int64(), 86'400'000);
  }
  EXPECT_TRUE(read(stable(R"({"delay_ms": 86400000, "content": {}, "state_key": ""})")));
  EXPECT_TRUE(read(stable(R"({"delay_ms": 86400001, "content": {}})")));
}

TEST(ScheduleRequest, WithoutALimitAnyDelayIsTakenWhoseEndJsonCanCarry) {
  domain::Limits unlimited;
  unlimited.max_delay.reset();
  EXPECT_TRUE(read_schedule_request(legacy("31536000000000", "{}"), unlimited, now));
  EXPECT_FALSE(read_schedule_request(legacy("9007199254740991", "{}"), unlimited, now));
}

TEST(ScheduleRequest, IsForbiddenByALimitOfZero) {
  domain::Limits none_allowed;
  none_allowed.max_scheduled_per_user = 0;
  const auto event = read_schedule_request(legacy("1000", "{}"), none_allowed, now);
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().status, 403);
  EXPECT_EQ(event.error().errcode, "M_FORBIDDEN");
}

TEST(ScheduleRequest, KeepsTheDurationOfAStickyEvent) {
  ScheduleRequest request = legacy("1000", "{}");
  request.sticky_duration_ms = "3600000";
  EXPECT_EQ(read(request)->event.sticky_duration, Milliseconds(3'600'000));
  for (const char* bad : {"", "-1", "x", "1.5"}) {
    request.sticky_duration_ms = bad;
    EXPECT_FALSE(read(request)) << bad;
  }
}

TEST(ScheduleRequest, HeedsTsOnlyFromAnApplicationService) {
  ScheduleRequest request = legacy("1000", "{}");
  request.ts = "1234";
  EXPECT_FALSE(read(request)->event.origin_server_ts);
  request.caller.is_application_service = true;
  EXPECT_EQ(read(request)->event.origin_server_ts, wall_from_ms(1234));
}

}  // namespace
}  // namespace afterword::api
