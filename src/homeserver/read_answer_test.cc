#include "homeserver/read_answer.h"

#include "base/json.h"

#include <gtest/gtest.h>

#include <utility>

namespace afterword::homeserver {
namespace {

using namespace std::chrono_literals;

// Wed, 21 Oct 2026 07:28:00 GMT
constexpr WallTime now = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 10 / 21)) + 7h + 28min;

HttpAnswer answered(int status, std::string body, http::Headers headers = {}) {
  return http::Response{status, std::move(headers), std::move(body)};
}
HttpAnswer unanswered(http::NoAnswer::Arrived arrived) { return http::NoAnswer{arrived, "a reason"}; }

std::string error_body(const std::string& errcode) { return R"({"errcode":")" + errcode + R"(","error":"No"})"; }

// --- /send ---

enum class Kind { sent, refused, not_arrived, unclear };
constexpr const char* kind_names[] = {"sent", "refused", "not arrived", "unclear"};

const std::string html = "<html><body>No</body></html>";
std::string sent_body() { return R"({"event_id":"$e"})"; }

// A row of the table in docs/reliability.md, which names it.
struct AnswerRow {
  const char* name;
  Kind expected;
  HttpAnswer answer;
};

class DeliveryAnswers : public ::testing::TestWithParam<AnswerRow> {};

TEST_P(DeliveryAnswers, Mean) {
  const auto& [name, expected, answer] = GetParam();
  EXPECT_STREQ(kind_names[read_send_answer(answer, now).index()], kind_names[static_cast<int>(expected)]);
}

INSTANTIATE_TEST_SUITE_P(
    Row, DeliveryAnswers,
    ::testing::Values(
        AnswerRow{"success", Kind::sent, answered(200, sent_body())},
        AnswerRow{"success_of_another_kind", Kind::sent, answered(201, sent_body())},
        // It may have been taken, but nobody can tell.
        AnswerRow{"success_without_event_id", Kind::unclear, answered(200, "{}")},
        AnswerRow{"success_with_odd_event_id", Kind::unclear, answered(200, R"({"event_id":7})")},
        AnswerRow{"success_in_html", Kind::unclear, answered(200, html)},
        AnswerRow{"no_content", Kind::unclear, answered(204, "")},
        AnswerRow{"redirect", Kind::unclear, answered(302, "", {{"Location", "/login"}})},
        AnswerRow{"moved", Kind::unclear, answered(301, html)},
        AnswerRow{"html_403", Kind::unclear, answered(403, html)},
        AnswerRow{"empty_403", Kind::unclear, answered(403, "")},
        AnswerRow{"json_403_without_errcode", Kind::unclear, answered(403, R"({"message":"blocked"})")},
        AnswerRow{"json_403_of_another_kind", Kind::unclear, answered(403, R"({"errcode":"DENIED"})")},
        AnswerRow{"json_403_with_a_number", Kind::unclear, answered(403, R"({"errcode":1020})")},
        AnswerRow{"array_403", Kind::unclear, answered(403, R"([{"errcode":"M_FORBIDDEN"}])")},
        AnswerRow{"html_400", Kind::unclear, answered(400, html)},
        AnswerRow{"html_408", Kind::unclear, answered(408, html)},
        AnswerRow{"json_408", Kind::unclear, answered(408, error_body("M_UNKNOWN"))},
        AnswerRow{"json_409", Kind::unclear, answered(409, error_body("M_UNKNOWN"))},
        AnswerRow{"internal_error", Kind::unclear, answered(500, error_body("M_UNKNOWN"))},
        AnswerRow{"forbidden_500", Kind::unclear, answered(500, error_body("M_FORBIDDEN"))},
        AnswerRow{"unrecognized_500", Kind::unclear, answered(500, error_body("M_UNRECOGNIZED"))},
        AnswerRow{"bad_gateway", Kind::unclear, answered(502, html)},
        AnswerRow{"unavailable", Kind::unclear, answered(503, "")},
        AnswerRow{"gateway_timeout", Kind::unclear, answered(504, "")},
        AnswerRow{"broken_connection", Kind::unclear, unanswered(http::NoAnswer::Arrived::unknown)},
        AnswerRow{"refused_connection", Kind::not_arrived, unanswered(http::NoAnswer::Arrived::no)},
        // The homeserver's, about this event.
        AnswerRow{"forbidden", Kind::refused, answered(403, error_body("M_FORBIDDEN"))},
        AnswerRow{"suspended", Kind::refused, answered(403, error_body("M_USER_SUSPENDED"))},
        AnswerRow{"unrecognized_403", Kind::refused, answered(403, error_body("M_UNRECOGNIZED"))},  // a policy server
        AnswerRow{"unknown_403", Kind::refused, answered(403, error_body("M_UNKNOWN"))},
        AnswerRow{"unknown_400", Kind::refused, answered(400, error_body("M_UNKNOWN"))},  // a message without body
        AnswerRow{"bad_alias", Kind::refused, answered(400, error_body("M_BAD_ALIAS"))},
        AnswerRow{"unknown_device", Kind::refused, answered(400, error_body("M_UNKNOWN_DEVICE"))},
        AnswerRow{"unstable_errcode", Kind::refused, answered(400, error_body("ORG.MATRIX.MSC4354_NO"))},
        AnswerRow{"not_found", Kind::refused, answered(404, error_body("M_NOT_FOUND"))},
        AnswerRow{"too_large", Kind::refused, answered(413, error_body("M_TOO_LARGE"))},
        AnswerRow{"owner_limited", Kind::refused, answered(429, error_body("M_LIMIT_EXCEEDED"))},
        // About our own set-up.
        AnswerRow{"unknown_token", Kind::not_arrived, answered(401, error_body("M_UNKNOWN_TOKEN"))},
        AnswerRow{"unknown_token_403", Kind::not_arrived, answered(403, error_body("M_UNKNOWN_TOKEN"))},
        AnswerRow{"missing_token", Kind::not_arrived, answered(401, error_body("M_MISSING_TOKEN"))},
        AnswerRow{"locked_401", Kind::not_arrived, answered(401, error_body("M_USER_LOCKED"))},
        AnswerRow{"html_401", Kind::not_arrived, answered(401, html)},
        AnswerRow{"unrecognized_400", Kind::not_arrived, answered(400, error_body("M_UNRECOGNIZED"))},
        AnswerRow{"unrecognized_404", Kind::not_arrived, answered(404, error_body("M_UNRECOGNIZED"))},
        AnswerRow{"unrecognized_405", Kind::not_arrived, answered(405, error_body("M_UNRECOGNIZED"))},
        AnswerRow{"html_404", Kind::not_arrived, answered(404, html)},
        AnswerRow{"unknown_404", Kind::not_arrived, answered(404, error_body("M_UNKNOWN"))},
        AnswerRow{"bare_405", Kind::not_arrived, answered(405, "{}")},
        // What stands before the homeserver.
        AnswerRow{"html_413", Kind::not_arrived, answered(413, html)},
        AnswerRow{"unknown_413", Kind::not_arrived, answered(413, error_body("M_UNKNOWN"))},
        AnswerRow{"html_421", Kind::not_arrived, answered(421, html)},
        AnswerRow{"html_425", Kind::not_arrived, answered(425, html)},
        AnswerRow{"html_429", Kind::not_arrived, answered(429, html)},
        AnswerRow{"empty_429", Kind::not_arrived, answered(429, "")},
        AnswerRow{"unknown_429", Kind::not_arrived, answered(429, error_body("M_UNKNOWN"))}),  // ESS's HAProxy
    [](const auto& row) { return std::string(row.param.name); });

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

TEST(ReadSendAnswer, ShowsAnErrorInAnyCase) {
  const std::string body = R"({"errcode":"M_FORBIDDEN","error":["no string"]})";
  const auto refused = std::get<Refused>(read_send_answer(answered(403, body), now));
  EXPECT_EQ(refused.error.body, R"({"errcode":"M_FORBIDDEN","error":"The homeserver answered 403"})");
}

TEST(ReadSendAnswer, TakesNothingElseForAnEventId) {
  for (const char* body : {R"({"event_id":""})", R"({"event_id":"e"})", R"({"event_id":"$e\r\nX: y"})",
                           R"({"event_id":"$e\u0000"})", R"({"event_id":5})"}) {
    EXPECT_TRUE(std::holds_alternative<Unclear>(read_send_answer(answered(200, body), now))) << body;
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

TEST(ReadSendAnswer, KeepsWhatTheWayAnsweredForWhenThereIsNeverAnotherAnswer) {
  EXPECT_EQ(std::get<NotArrived>(read_send_answer(answered(404, error_body("M_UNRECOGNIZED")), now)).error->body,
            error_body("M_UNRECOGNIZED"));
  EXPECT_EQ(std::get<Unclear>(read_send_answer(answered(403, html), now)).error->status, 403);
  EXPECT_EQ(std::get<Unclear>(read_send_answer(answered(302, ""), now)).error->status, 502);
  for (const std::string& body : {html, std::string("[]"), std::string(R"({"error":"too big"})")}) {
    const auto error = std::get<NotArrived>(read_send_answer(answered(413, body), now)).error;
    ASSERT_TRUE(error);
    EXPECT_EQ(error->status, 413);
    const auto object = parse_json_object(error->body);
    ASSERT_TRUE(object);
    EXPECT_EQ(string_member(*object, "errcode"), "M_UNKNOWN");
    EXPECT_TRUE(string_member(*object, "error"));
  }
}

// --- Whether the way is open ---

TEST(ReadWayAnswer, Table) {
  enum class Way { open, limited, closed };
  constexpr const char* names[] = {"open", "limited", "closed"};
  const std::pair<HttpAnswer, Way> cases[] = {
      {answered(200, R"({"user_id":"@a:b"})"), Way::open},
      {answered(403, error_body("M_FORBIDDEN")), Way::open},  // the owner is no user of ours any more
      {answered(401, error_body("M_USER_LOCKED")), Way::open},
      {answered(429, error_body("M_LIMIT_EXCEEDED")), Way::limited},
      {answered(401, error_body("M_UNKNOWN_TOKEN")), Way::closed},
      {answered(401, error_body("M_MISSING_TOKEN")), Way::closed},
      {answered(404, error_body("M_UNRECOGNIZED")), Way::closed},
      {answered(429, error_body("M_UNKNOWN")), Way::closed},
      {answered(429, html), Way::closed},
      {answered(403, html), Way::closed},
      {answered(403, R"({"message":"blocked"})"), Way::closed},
      {answered(404, html), Way::closed},
      {answered(408, html), Way::closed},
      {answered(200, html), Way::closed},
      {answered(200, "{}"), Way::closed},
      {answered(302, ""), Way::closed},
      {answered(500, error_body("M_UNKNOWN")), Way::closed},
      {answered(502, html), Way::closed},
      {unanswered(http::NoAnswer::Arrived::no), Way::closed},
      {unanswered(http::NoAnswer::Arrived::unknown), Way::closed},
  };
  for (const auto& [answer, expected] : cases) {
    SCOPED_TRACE(answer ? std::to_string(answer->status) + " " + answer->body : answer.error().reason);
    EXPECT_STREQ(names[read_way_answer(answer, now).index()], names[static_cast<int>(expected)]);
  }
}

TEST(ReadWayAnswer, ReadsForHowLong) {
  const HttpAnswer limited = answered(429, R"({"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":700})");
  EXPECT_EQ(std::get<Limited>(read_way_answer(limited, now)).wait, 700ms);
  EXPECT_EQ(std::get<Closed>(read_way_answer(answered(429, html, {{"Retry-After", "2"}}), now)).retry_after, 2s);
}

// --- /account/whoami ---

TEST(ReadWhoamiAnswer, ReadsAUser) {
  const auto identity = std::get<Identity>(
      read_whoami_answer(answered(200, R"({"user_id":"@a:b","device_id":"PHONE","is_guest":true})"), now));
  EXPECT_EQ(identity.user_id.value, "@a:b");
  EXPECT_EQ(identity.device_id, domain::DeviceId("PHONE"));
}

TEST(ReadWhoamiAnswer, AnApplicationServiceHasNoDevice) {
  const auto identity = std::get<Identity>(read_whoami_answer(answered(200, R"({"user_id":"@bot:b"})"), now));
  EXPECT_EQ(identity.device_id, std::nullopt);
}

TEST(ReadWhoamiAnswer, TakesNothingElseForAUser) {
  for (const char* body : {R"({"user_id":"bot"})", R"({"user_id":"@bot"})", R"({"user_id":"@bot\u0000:b"})",
                           R"({"user_id":"@b\r\not:b"})", R"({"user_id":"!bot:b"})"}) {
    EXPECT_TRUE(std::holds_alternative<Unreachable>(read_whoami_answer(answered(200, body), now))) << body;
  }
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
      answered(403, "{}"),
      answered(403, error_body("M_UNKNOWN")),
      answered(404, error_body("M_UNRECOGNIZED")),
      answered(408, error_body("M_UNKNOWN")),
      answered(200, "<html>"),
      answered(200, "{}"),
      answered(200, R"({"user_id":"alice"})"),
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
  EXPECT_GT(std::get<AskAgain>(read_whoami_answer(answered(429, ""), now)).wait, 0ms);
}

}  // namespace
}  // namespace afterword::homeserver
