#include "http/message.h"

#include "http/hop_by_hop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afterword::http {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> lines(const Headers& headers) {
  std::vector<std::string> result;
  for (const Header& header : headers) result.push_back(std::string(header.name).append(": ").append(header.value));
  return result;
}

TEST(Headers, FindsTheFirstOfANameWithoutCase) {
  const Headers headers = {{"Accept", "a"}, {"Set-Cookie", "b"}, {"set-cookie", "c"}};
  EXPECT_EQ(headers.find("SET-COOKIE"), "b");
  EXPECT_EQ(headers.find("Cookie"), std::nullopt);
}

TEST(Headers, SetReplacesAllOfItsNameInThePlaceOfTheFirst) {
  Headers headers = {{"A", "1"}, {"B", "2"}, {"a", "3"}, {"C", "4"}};
  headers.set("a", "new");
  EXPECT_THAT(lines(headers), ElementsAre("A: new", "B: 2", "C: 4"));
  headers.set("D", "5");
  EXPECT_THAT(lines(headers), ElementsAre("A: new", "B: 2", "C: 4", "D: 5"));
}

TEST(Headers, SetTakesAnyLengthInPlaceOfAnother) {
  Headers headers = {{"A", "1"}, {"B", "2"}, {"A", "3"}};
  for (const std::size_t length : {100, 0, 7}) {
    const std::string value(length, 'x');
    headers.set("A", value);
    EXPECT_THAT(lines(headers), ElementsAre("A: " + value, "B: 2"));
  }
}

// What cannot be written stays what it is: it becomes no header of its own.
TEST(Headers, KeepWhateverTheyAreGiven) {
  const std::string value = std::string("a\r\nX: 1\r\n\r\n") + '\0' + "b";
  Headers headers = {{"A", value}, {"", ""}};
  headers.remove("B");
  EXPECT_THAT(lines(headers), ElementsAre("A: " + value, ": "));
}

TEST(Headers, RemoveTakesAllOfItsName) {
  Headers headers = {{"A", "1"}, {"B", "2"}, {"a", "3"}};
  headers.remove("A");
  EXPECT_THAT(lines(headers), ElementsAre("B: 2"));
}

TEST(Headers, KeepTheirOrderAndTheirRepetitions) {
  Headers headers;
  headers.add("Set-Cookie", "b");
  headers.add("X", "1");
  headers.add("Set-Cookie", "a");
  EXPECT_THAT(lines(headers), ElementsAre("Set-Cookie: b", "X: 1", "Set-Cookie: a"));
}

TEST(Headers, AreReadAsTheyStandInAHead) {
  const Headers headers = Headers::read(
      "GET / HTTP/1.1\r\nSet-Cookie: b\r\nX:\t 1: 2 \r\nSET-cookie:a\r\nEmpty:\r\n\r\nNo-Header: of this\r\n\r\n");
  EXPECT_THAT(lines(headers), ElementsAre("Set-Cookie: b", "X: 1: 2", "SET-cookie: a", "Empty: "));
  EXPECT_THAT(lines(Headers::read("HTTP/1.1 200\r\n\r\n")), ElementsAre());
}

TEST(EqualIgnoringCase, ComparesWholeNames) {
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_FALSE(equal_ignoring_case("Content", "Content-Type"));
  EXPECT_TRUE(equal_ignoring_case("", ""));
}

TEST(HopByHop, LeavesOnlyWhatBelongsToTheMessage) {
  Headers headers = {{"Connection", "X-Hop , close, host"},
                     {"Host", "example.org"},
                     {"Keep-Alive", "timeout=5"},
                     {"x-hop", "1"},
                     {"Proxy-Connection", "close"},
                     {"TE", "trailers"},
                     {"Transfer-Encoding", "chunked"},
                     {"Upgrade", "h2c"},
                     {"Trailer", "X"},
                     {"Accept", "*/*"}};
  remove_hop_by_hop(headers);
  EXPECT_THAT(lines(headers), ElementsAre("Host: example.org", "Accept: */*"));
}

}  // namespace
}  // namespace afterword::http
