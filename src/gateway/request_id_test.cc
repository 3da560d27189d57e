#include "gateway/request_id.h"

#include <gmock/gmock.h>

#include <set>
#include <string>

namespace afterword::gateway {
namespace {

using ::testing::MatchesRegex;

// What the homeserver is told of a request that a client named so.
std::string told(const std::string& peer, const http::Headers& headers) {
  http::Request request;
  request.peer = peer;
  request.headers = headers;
  static RequestIds new_ids;
  const auto is_trusted = [](const std::string& address) { return address == "127.0.0.1"; };
  const std::string id = set_request_id(request, is_trusted, new_ids);
  int count = 0;
  for (const http::Header& header : request.headers) count += http::equal_ignoring_case(header.name, "X-Request-Id");
  EXPECT_EQ(count, 1);
  EXPECT_EQ(request.headers.find("X-Request-Id"), id);
  return id;
}

constexpr const char* ours = "[A-Za-z0-9_-]{16}";

TEST(RequestId, IsATrustedProxys) {
  EXPECT_EQ(told("127.0.0.1", {{"x-request-id", "Abc-1.2_3:4"}}), "Abc-1.2_3:4");
  EXPECT_EQ(told("127.0.0.1", {{"X-Request-Id", std::string(128, 'a')}}), std::string(128, 'a'));
}

TEST(RequestId, IsOursWhereNobodyTrustedNamedIt) {
  EXPECT_THAT(told("127.0.0.1", {}), MatchesRegex(ours));
  EXPECT_THAT(told("198.51.100.1", {{"X-Request-Id", "theirs"}, {"X-Request-Id", "again"}}), MatchesRegex(ours));
  EXPECT_NE(told("127.0.0.1", {}), told("127.0.0.1", {}));
}

TEST(RequestId, IsNeverUsedTwice) {
  RequestIds new_ids;
  std::set<std::string> ids;
  for (int i = 0; i < 1'000; ++i) ids.insert(new_ids.next());
  EXPECT_EQ(ids.size(), 1'000u);
}

TEST(RequestId, IsOneWord) {
  for (const std::string& id : {std::string(), std::string("a b"), std::string("a\"b"), std::string("\xc3\xa9"),
                                std::string(129, 'a'), std::string("a,b")}) {
    EXPECT_THAT(told("127.0.0.1", {{"X-Request-Id", id}}), MatchesRegex(ours)) << id;
  }
}

}  // namespace
}  // namespace afterword::gateway
