#include "gateway/sidecar.h"

#include "homeserver/testing/access_tokens.h"
#include "homeserver/testing/loopback.h"
#include "http/matrix_answer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

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
