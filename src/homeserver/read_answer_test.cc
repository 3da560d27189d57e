#include "homeserver/read_answer.h"

#include "base/json.h"

#include <gtest/gtest.h>

namespace afterword::homeserver {
namespace {

using namespace std::chrono_literals;

// Wed, 21 Oct 2026 07:28:00 GMT
constexpr Timestamp now = Timestamp(std::chrono::sys_days(std::chrono::year(2026) / 10 / 21)) + 7h + 28min;

HttpAnswer answered(int status, std::string body, http::Headers headers = {}) {
  return http::Response{status, std::move(headers), std::move(body)};
}
HttpAnswer unanswered(http::NoAnswer::Arrived arrived) { return http::NoAnswer{arrived, "a reason"}; }

std::string error_body(const std::string& errcode) { return R"({"errcode":")" + errcode + R"(","error":"No"})"; }

// --- /send ---

enum class Kind { sent, refused, not_arrived, unclear };
constexpr const char* kind_names[] = {"sent", "refused", "not arrived", "unclear"};

struct SendCase {
  HttpAnswer answer;
  Kind expected;
};

TEST(ReadSendAnswer, Table) {
  const SendCase cases[] = {
      {answered(200, R"({"event_id":"$e"})"), Kind::sent},
      // It may have been taken, but we cannot tell.
      {answered(200, "{}"), Kind::unclear},
      {answered(200, R"({"event_id":7})"), Kind::unclear},
      {answered(200, "<html>"), Kind::unclear},
      {answered(302, ""), Kind::unclear},
      {answered(500, error_body("M_UNKNOWN")), Kind::unclear},
      {answered(502, "<html>"), Kind::unclear},
      {answered(503, ""), Kind::unclear},
      {answered(504, ""), Kind::unclear},
      {unanswered(http::NoAnswer::Arrived::unknown), Kind::unclear},
      {unanswered(http::NoAnswer::Arrived::no), Kind::not_arrived},
      // The owner's failures.
      {answered(403, error_body("M_FORBIDDEN")), Kind::refused},
      {answered(400, error_body("M_UNKNOWN_DEVICE")), Kind::refused},
      {answered(404, error_body("M_NOT_FOUND")), Kind::refused},
      {answered(429, error_body("M_LIMIT_EXCEEDED")), Kind::refused},
      {answered(401, error_body("M_USER_LOCKED")), Kind::refused},
      {answered(413, "<html>"), Kind::refused},
      // Our own set-up's.
      {answered(401, error_body("M_UNKNOWN_TOKEN")), Kind::not_arrived},
      {answered(401, error_body("M_MISSING_TOKEN")), Kind::not_arrived},
      {answered(404, error_body("M_UNRECOGNIZED")), Kind::not_arrived},
      {answered(405, error_body("M_UNRECOGNIZED")), Kind::not_arrived},
      {answered(404, "<html>"), Kind::not_arrived},
      {answered(405, "{}"), Kind::not_arrived},
      // A proxy's limit.
      {answered(429, "<html>"), Kind::not_arrived},
      {answered(429, ""), Kind::not_arrived},
  };
  for (const auto& [answer, expected] : cases) {
    SCOPED_TRACE(answer ? std::to_string(answer->status) + " " + answer->body : answer.error().reason);
    EXPECT_STREQ(kind_names[read_send_answer(answer, now).index()], kind_names[static_cast<int>(expected)]);
  }
}

TEST(ReadSendAnswer, KeepsTheEventId) {
  EXPECT_EQ(std::get<Sent>(read_send_answer(answered(200, R"({"event_id":"$e"})"), now)).event_id.value, "$e");
}

TEST(ReadSendAnswer, KeepsTheHomeserversErrorAsItIs) {
  const std::string body = R"({ "errcode": "M_FORBIDDEN", "error": "No power", "extra": [1] })";
  const auto refused = std::get<Refused>(read_send_answer(answered(403, body), now));
  EXPECT_EQ(refused.error.status, 403);
  EXPECT_EQ(refused.error.body, body);
  EXPECT_EQ(refused.errcode, "M_FORBIDDEN");
}

TEST(ReadSendAnswer, MakesUpAnErrorObjectWhereThereIsNone) {
  for (const std::string body : {"<html>", "[]", R"({"error":"too big"})"}) {
    const auto refused = std::get<Refused>(read_send_answer(answered(413, body), now));
    EXPECT_EQ(refused.error.status, 413);
    EXPECT_EQ(refused.errcode, "M_UNKNOWN");
    const auto object = parse_json_object(refused.error.body);
    ASSERT_TRUE(object);
    EXPECT_EQ(string_member(*object, "errcode"), "M_UNKNOWN");
    EXPECT_TRUE(string_member(*object, "error"));
  }
}

TEST(ReadSendAnswer, ReadsWhenToRetry) {
  const auto retry_after = [](const HttpAnswer& answer) {
    return std::get<Refused>(read_send_answer(answer, now)).retry_after;
  };
  EXPECT_EQ(retry_after(answered(429, R"({"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":700})")), 700ms);
  EXPECT_EQ(retry_after(answered(429, error_body("M_LIMIT_EXCEEDED"), {{"Retry-After", "2"}})), 2s);
  EXPECT_EQ(retry_after(answered(403, R"({"errcode":"M_FORBIDDEN","retry_after_ms":700})")), std::nullopt);
}

TEST(ReadSendAnswer, ReadsWhenAProxyWantsToBeAskedAgain) {
  const auto retry_after = [](const std::string& header) {
    return std::get<NotArrived>(read_send_answer(answered(429, "<html>", {{"Retry-After", header}}), now)).retry_after;
  };
  EXPECT_EQ(retry_after("2"), 2s);
  EXPECT_EQ(retry_after("Wed, 21 Oct 2026 07:28:30 GMT"), 30s);
  EXPECT_EQ(retry_after("Wed, 21 Oct 2026 07:27:00 GMT"), 0s);
  EXPECT_EQ(retry_after("4294967295"), 5min);
  EXPECT_EQ(retry_after("Wed, 21 Oct 2099 07:28:30 GMT"), 5min);
  EXPECT_EQ(retry_after("soon"), std::nullopt);
  EXPECT_EQ(retry_after("-1"), std::nullopt);
}

// --- /account/whoami ---

TEST(ReadWhoamiAnswer, ReadsAUser) {
  const auto identity = std::get<Identity>(
      read_whoami_answer(answered(200, R"({"user_id":"@a:b","device_id":"PHONE","is_guest":true})"), now));
  EXPECT_EQ(identity.user_id.value, "@a:b");
  EXPECT_EQ(identity.device_id, domain::DeviceId("PHONE"));
  EXPECT_TRUE(identity.is_guest);
}

TEST(ReadWhoamiAnswer, AnApplicationServiceHasNoDevice) {
  const auto identity = std::get<Identity>(read_whoami_answer(answered(200, R"({"user_id":"@bot:b"})"), now));
  EXPECT_EQ(identity.device_id, std::nullopt);
  EXPECT_FALSE(identity.is_guest);
}

TEST(ReadWhoamiAnswer, PassesOnARefusal) {
  for (const int status : {400, 401, 403}) {
    const auto error =
        std::get<domain::HomeserverError>(read_whoami_answer(answered(status, error_body("M_UNKNOWN_TOKEN")), now));
    EXPECT_EQ(error.status, status);
    EXPECT_EQ(error.body, error_body("M_UNKNOWN_TOKEN"));
  }
}

TEST(ReadWhoamiAnswer, IsUnreachableWhereTheHomeserverDidNotSpeak) {
  const HttpAnswer answers[] = {
      unanswered(http::NoAnswer::Arrived::no),
      unanswered(http::NoAnswer::Arrived::unknown),
      answered(500, error_body("M_UNKNOWN")),
      answered(502, "<html>"),
      answered(302, ""),
      answered(403, "<html>"),
      answered(404, error_body("M_UNRECOGNIZED")),
      answered(200, "<html>"),
      answered(200, "{}"),
  };
  for (const HttpAnswer& answer : answers) {
    SCOPED_TRACE(answer ? std::to_string(answer->status) + " " + answer->body : answer.error().reason);
    EXPECT_TRUE(std::holds_alternative<Unreachable>(read_whoami_answer(answer, now)));
  }
}

TEST(ReadWhoamiAnswer, AsksAgainWhenLimited) {
  const auto again = std::get<AskAgain>(
      read_whoami_answer(answered(429, R"({"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":500})"), now));
  EXPECT_EQ(again.wait, 500ms);
  EXPECT_EQ(again.error.status, 429);
  EXPECT_GT(std::get<AskAgain>(read_whoami_answer(answered(429, ""), now)).wait, 0ms);
}

}  // namespace
}  // namespace afterword::homeserver
