#include "gateway/sidecar.h"

#include "homeserver/testing/access_tokens.h"
#include "homeserver/testing/loopback.h"
#include "http/matrix_answer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <utility>
#include <vector>

namespace afterword::gateway {
namespace {

using homeserver::Credentials;

const std::string c = "/_matrix/client";
const domain::UserId alice("@alice:example.org");
const SidecarRegistration registration{"services", "homeservers", {}, true};

http::Target target(const std::string& text) { return *http::Target::parse(text); }

TEST(Sidecar, HasWhatIsBelowItsPathInEveryVersion) {
  EXPECT_TRUE(is_for_sidecar(target(c + "/v1/rtc/livekit/get_token")));
  EXPECT_TRUE(is_for_sidecar(target(c + "/v7/rtc/livekit/delegate_delayed_leave")));
  EXPECT_TRUE(is_for_sidecar(target(c + "/unstable/io.element.msc4195/rtc/livekit/get_token")));
  for (const char* other :
       {"/v1/rtc/livekit", "/v1/rtc/transports", "/v1/rtc", "/rtc/livekit/get_token", "/unstable/rtc/livekit/get_token",
        "/v1/rtc%2Flivekit/get_token", "/v/rtc/livekit/get_token", "/r0/rtc/livekit/get_token",
        "/v1/x/rtc/livekit/get_token", ""}) {
    EXPECT_FALSE(is_for_sidecar(target(c + other))) << other;
  }
  EXPECT_FALSE(is_for_sidecar(target("/_matrix/federation/v1/rtc/livekit/get_token")));
}

TEST(Sidecar, IsAskedWithoutAnythingThatAClientCouldSayOfItself) {
  http::Request request;
  request.method = "POST";
  request.target = c + "/v1/rtc/livekit/get_token?a=b;access_token=alices&%61ccess_token=alices&c=d";
  request.headers = {{"Host", "example.org"},
                     {"authorization", "Bearer alices"},
                     {"x-matrix-user-identifier", "@bob:example.org"},
                     {"X-Matrix-Origin", "elsewhere.example"},
                     {"X-Forwarded-For", "192.0.2.1"},
                     {"Connection", "X-Matrix-User-Identifier, Authorization"},
                     {"Cookie", "a=b"},
                     {"Content-Type", "application/json"},
                     {"User-Agent", "Element"}};
  request.body = "{}";
  const http::Request asked = as_request_of(std::move(request), alice, "homeservers");
  std::string head;
  for (const http::Header& header : asked.headers) head.append(header.name).append(": ").append(header.value) += "\n";
  EXPECT_EQ(head,
            "Content-Type: application/json\nUser-Agent: Element\nAuthorization: Bearer homeservers\n"
            "X-Matrix-User-Identifier: @alice:example.org\n");
  EXPECT_EQ(asked.target, c + "/v1/rtc/livekit/get_token?a=b&c=d");
  EXPECT_EQ(asked.body, "{}");
}

TEST(Sidecar, LosesTheTokenAloneFromAQuery) {
  const auto asked = [](const std::string& query) {
    http::Request request;
    request.target = "/a" + query;
    return as_request_of(std::move(request), alice, "homeservers").target;
  };
  EXPECT_EQ(asked(""), "/a");
  EXPECT_EQ(asked("?access_token=alices"), "/a");
  EXPECT_EQ(asked("?b=c%26&access_token"), "/a?b=c%26");
  EXPECT_EQ(asked("?my_access_token=1"), "/a?my_access_token=1");
}

TEST(Sidecar, FindsTheQuestionWhoIsJoined) {
  EXPECT_EQ(find_is_joined("GET", target(c + "/v3/rooms/%21a:b/is_joined?mxid=x"))->room_id, "!a:b");
  EXPECT_TRUE(find_is_joined("GET", target(c + "/unstable/io.element.msc4502/rooms/!a:b/is_joined")));
  EXPECT_FALSE(find_is_joined("POST", target(c + "/v3/rooms/!a:b/is_joined")));
  EXPECT_FALSE(find_is_joined("GET", target(c + "/v1/rooms/!a:b/is_joined")));
  EXPECT_FALSE(find_is_joined("GET", target(c + "/unstable/org.example/rooms/!a:b/is_joined")));
  EXPECT_FALSE(find_is_joined("GET", target(c + "/v3/rooms/!a:b/is_joined/x")));
  EXPECT_FALSE(find_is_joined("GET", target(c + "/v3/rooms/!a:b")));
}

TEST(Sidecar, KnowsAMembershipByTheHomeserversAnswer) {
  const auto read = [](int status, std::string body) {
    return read_membership(http::json_answer(status, std::move(body)));
  };
  EXPECT_EQ(read(200, R"({"membership":"join"})"), true);
  EXPECT_EQ(read(200, R"({"membership":"leave"})"), false);
  EXPECT_EQ(read(200, "{}"), std::nullopt);
  EXPECT_EQ(read(200, R"({"membership":["join"]})"), std::nullopt);
  EXPECT_EQ(read(403, R"({"errcode":"M_FORBIDDEN"})"), false);
  EXPECT_EQ(read(404, R"({"errcode":"M_NOT_FOUND"})"), false);
  EXPECT_EQ(read(404, R"({"errcode":"M_UNRECOGNIZED"})"), std::nullopt);
  EXPECT_EQ(read(401, R"({"errcode":"M_UNKNOWN_TOKEN"})"), std::nullopt);
  EXPECT_EQ(read(429, R"({"errcode":"M_LIMIT_EXCEEDED"})"), std::nullopt);
  EXPECT_EQ(read(403, "<html>"), std::nullopt);
  EXPECT_EQ(read(502, R"({"errcode":"M_UNKNOWN"})"), std::nullopt);
}

class SidecarTest : public homeserver::testing::LoopbackTest {
 protected:
  static http::Request question() {
    http::Request request;
    request.method = "POST";
    request.target = c + "/v1/rtc/livekit/get_token";
    return request;
  }
  http::Response ask() { return run(sidecar_.ask(question(), alice)); }
  std::string refusal(const std::string& query, const std::string& token, bool may_ask = true) {
    SidecarRegistration as_it_is = registration;
    as_it_is.may_ask_who_is_joined = may_ask;
    const Sidecar sidecar(*http_, clock_, as_it_is, "example.org");
    std::optional<Credentials> credentials;
    if (!token.empty()) credentials = Credentials{homeserver::testing::access_token(token), std::nullopt, std::nullopt};
    const auto read = sidecar.read_question({"!room:example.org"}, target("/x" + query), credentials);
    if (!read) return read.error().errcode;
    return read->local_user ? read->local_user->value : "for the homeserver";
  }

  Sidecar sidecar_{*http_, clock_, registration, "example.org"};
};

TEST_F(SidecarTest, PassesItsAnswerOnToWebClients) {
  answer_ = [](const http::Request&) {
    http::Response response = http::json_answer(403, R"({"errcode":"M_FORBIDDEN"})");
    response.headers.set("Access-Control-Allow-Origin", "https://elsewhere.example");
    return response;
  };
  const http::Response response = ask();
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.body, R"({"errcode":"M_FORBIDDEN"})");
  EXPECT_EQ(response.headers.find("Access-Control-Allow-Origin"), "*");
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].headers.find("X-Matrix-User-Identifier"), "@alice:example.org");
}

TEST_F(SidecarTest, SaysToNoClientThatItsSessionHasEnded) {
  answer_ = [](const http::Request&) { return http::json_answer(401, R"({"errcode":"M_UNKNOWN_TOKEN"})"); };
  EXPECT_EQ(ask().status, 502);
}

TEST_F(SidecarTest, IsMissedWithoutHarm) {
  http::Client nobody(context_.get_executor(), http::Origin{false, "127.0.0.1", 1});
  Sidecar sidecar(nobody, clock_, registration, "example.org");
  EXPECT_EQ(run(sidecar.ask(question(), alice)).status, 502);
}

TEST_F(SidecarTest, GivesAUserAnEighthOfItsConnections) {
  http::Client client(context_.get_executor(), {.host = "127.0.0.1", .port = server_.port()}, {.max_connections = 16});
  Sidecar sidecar(client, clock_, registration, "example.org");
  answer_ = [](const http::Request&) { return http::json_answer(200, "{}"); };
  answer_time_ = std::chrono::milliseconds(50);
  const domain::UserId bob("@bob:example.org");
  std::vector<std::future<http::Response>> answers;
  for (const domain::UserId& user_id : {alice, alice, alice, bob}) {
    answers.push_back(async::asio::co_spawn(context_, sidecar.ask(question(), user_id), async::asio::use_future));
  }
  const auto wait_for = [&](std::future<http::Response>& answer) {
    context_.restart();
    while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) context_.run_one();
    return answer.get();
  };
  const http::Response refused = wait_for(answers[2]);
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find("retry_after_ms"), std::string::npos);
  while (sidecar.figures().under_way < 3) context_.run_one();
  for (const std::size_t answered : {0, 1, 3}) EXPECT_EQ(wait_for(answers[answered]).status, 200);
  EXPECT_EQ(sidecar.figures().under_way, 0u);
  EXPECT_EQ(run(sidecar.ask(question(), alice)).status, 200);
  client.close();
}

TEST_F(SidecarTest, CountsHowItIsAnswered) {
  for (const int status : {200, 403, 401}) {
    answer_ = [=](const http::Request&) { return http::json_answer(status, "{}"); };
    ask();
  }
  EXPECT_EQ(sidecar_.figures().answered, 2u);
  EXPECT_EQ(sidecar_.figures().unanswered, 1u);
  EXPECT_EQ(sidecar_.figures().over_share, 0u);
}

TEST_F(SidecarTest, TakesNoAnswerThatIsNotSmall) {
  answer_ = [](const http::Request&) { return http::json_answer(200, std::string(max_sidecar_answer_bytes + 1, ' ')); };
  EXPECT_EQ(ask().status, 502);
}

// The homeserver refuses in the same words what it may not say.
TEST_F(SidecarTest, SaysOfNobodyOutsideItsNamespaceThatTheyAreNotJoined) {
  int whoami = 200;
  answer_ = [&](const http::Request& request) {
    EXPECT_EQ(request.headers.find("Authorization"), "Bearer services");
    EXPECT_TRUE(request.target.ends_with("user_id=%40alice%3Aexample.org")) << request.target;
    const bool asks_for_membership = request.target.find("m.room.member") != std::string::npos;
    return http::json_answer(asks_for_membership ? 403 : whoami, R"({"errcode":"M_FORBIDDEN"})");
  };
  const auto told = [&] {
    return run(tell_who_is_joined(*http_, "!room:example.org", alice, homeserver::testing::access_token("services")));
  };
  EXPECT_EQ(told().body, R"({"joined":false})");
  whoami = 403;
  EXPECT_EQ(told().status, 403);
  whoami = 503;
  EXPECT_EQ(told().status, 502);
}

TEST_F(SidecarTest, AnswersTheServiceAloneWhoIsJoined) {
  EXPECT_EQ(refusal("?mxid=@alice:example.org", "services"), "@alice:example.org");
  EXPECT_EQ(refusal("?mxid=@alice:example.org", ""), "M_MISSING_TOKEN");
  EXPECT_EQ(refusal("?mxid=@alice:example.org", "alices"), "M_FORBIDDEN");
  EXPECT_EQ(refusal("?mxid=@alice:example.org", "homeservers"), "M_FORBIDDEN");
  EXPECT_EQ(refusal("?mxid=@alice:example.org", "services", false), "M_FORBIDDEN");
  EXPECT_EQ(refusal("", "services"), "M_MISSING_PARAM");
  EXPECT_EQ(refusal("?mxid=@alice:example.org&server_name=example.org", "services"), "M_MISSING_PARAM");
  EXPECT_EQ(refusal("?mxid=alice", "services"), "M_INVALID_PARAM");
  EXPECT_EQ(refusal("?mxid=@bob:elsewhere.example", "services"), "for the homeserver");
  EXPECT_EQ(refusal("?mxid=@bob:example.org.elsewhere.example", "services"), "for the homeserver");
  EXPECT_EQ(refusal("?server_name=example.org", "services"), "for the homeserver");
}

}  // namespace
}  // namespace afterword::gateway
