#include "gateway/forwarded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace afterword::gateway {
namespace {

using ::testing::ElementsAre;

bool proxies(const std::string& address) { return address == "127.0.0.1"; }

// What the homeserver is told, a line each.
std::vector<std::string> told(std::string peer, http::Headers headers) {
  http::Request request;
  request.peer = std::move(peer);
  request.headers = std::move(headers);
  set_forwarded(request, proxies);
  std::vector<std::string> lines;
  for (const http::Header& header : request.headers) {
    if (header.name != "Host") lines.push_back(std::string(header.name).append(": ").append(header.value));
  }
  std::ranges::sort(lines);
  return lines;
}

TEST(Forwarded, AddsNothingOfAProxyThatComesThroughAUnixSocket) {
  EXPECT_THAT(told("", {{"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Proto", "https"}}),
              ElementsAre("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https"));
  EXPECT_THAT(told("", {}), ElementsAre("X-Forwarded-Proto: http"));
}

TEST(Forwarded, TellsOfAClientThatHasReachedUsItself) {
  EXPECT_THAT(told("192.0.2.7", {{"Host", "example.org"}}),
              ElementsAre("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: example.org", "X-Forwarded-Proto: http"));
  EXPECT_THAT(told("127.0.0.1", {}), ElementsAre("X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http"));
}

TEST(Forwarded, KeepsWhatATrustedProxySaysInItsOrder) {
  EXPECT_THAT(told("127.0.0.1", {{"Host", "inner"},
                                 {"X-Forwarded-For", "203.0.113.9"},
                                 {"x-forwarded-for", "198.51.100.1, 10.0.0.1"},
                                 {"X-Forwarded-Proto", "https"},
                                 {"X-Forwarded-Host", "example.org"}}),
              ElementsAre("X-Forwarded-For: 203.0.113.9, 198.51.100.1, 10.0.0.1, 127.0.0.1",
                          "X-Forwarded-Host: example.org", "X-Forwarded-Proto: https"));
  EXPECT_THAT(told("127.0.0.1", {{"X-Forwarded-For", "203.0.113.9"}}),
              ElementsAre("X-Forwarded-For: 203.0.113.9, 127.0.0.1", "X-Forwarded-Proto: https"));
}

TEST(Forwarded, DropsWhatAnybodyElseSays) {
  EXPECT_THAT(told("192.0.2.7", {{"X-Forwarded-For", "127.0.0.1"},
                                 {"X-Forwarded-For", "10.0.0.1"},
                                 {"X-Forwarded-Proto", "https"},
                                 {"x-forwarded-host", "evil.example"},
                                 {"X-Forwarded-Port", "443"},
                                 {"Forwarded", "for=127.0.0.1"},
                                 {"X-Real-IP", "127.0.0.1"},
                                 {"Host", "example.org"}}),
              ElementsAre("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: example.org", "X-Forwarded-Proto: http"));
}

TEST(Forwarded, CannotBeNamedAsHopByHop) {
  for (const char* peer : {"127.0.0.1", "192.0.2.7"}) {
    EXPECT_THAT(told(peer, {{"Connection", "X-Forwarded-For, x-forwarded-proto"},
                            {"Connection", "X-Forwarded-Host, close, host"},
                            {"X-Forwarded-For", "10.0.0.1"},
                            {"Host", "example.org"}}),
                ElementsAre(std::string("X-Forwarded-For: ") + peer, "X-Forwarded-Host: example.org",
                            "X-Forwarded-Proto: http"));
  }
}

// --- Questions of our own ---

TEST(AboutClient, IsWhatTheRequestItselfWouldTellAndItsAgent) {
  http::Request request;
  request.peer = "127.0.0.1";
  request.headers = {{"Host", "example.org"}, {"Authorization", "Bearer secret"}, {"User-Agent", "Element"},
                     {"Cookie", "a=b"},       {"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-Proto", "https"}};
  const auto in_lines = [](const http::Headers& headers) {
    std::vector<std::string> lines;
    for (const http::Header& header : headers)
      lines.push_back(std::string(header.name).append(": ").append(header.value));
    std::ranges::sort(lines);
    return lines;
  };
  EXPECT_THAT(in_lines(about_client(request, proxies)),
              ElementsAre("User-Agent: Element", "X-Forwarded-For: 203.0.113.9, 127.0.0.1",
                          "X-Forwarded-Host: example.org", "X-Forwarded-Proto: https"));
  request.peer = "192.0.2.7";  // nobody's proxy
  request.headers.add("Connection", "User-Agent");
  EXPECT_THAT(in_lines(about_client(request, proxies)),
              ElementsAre("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: example.org", "X-Forwarded-Proto: http"));
}

}  // namespace
}  // namespace afterword::gateway
