#include "http/head.h"

#include "http/head_syntax.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::http {
namespace {

TEST(HeadWriter, WritesARequestOrAnAnswer) {
  HeadWriter request = HeadWriter::request("PUT", "/path?query", "example.org:8448");
  request.add("A", "b c");
  request.add("Empty", "");
  EXPECT_EQ(request.finish()->text(),
            "PUT /path?query HTTP/1.1\r\nHost: example.org:8448\r\nA: b c\r\nEmpty: \r\n\r\n");

  HeadWriter answer = HeadWriter::answer(404);
  answer.add("A", "b");
  EXPECT_EQ(answer.finish()->text(), "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n");
  EXPECT_EQ(HeadWriter::answer(499, "Had No Patience").finish()->text(), "HTTP/1.1 499 Had No Patience\r\n\r\n");

  EXPECT_EQ(continue_head, "HTTP/1.1 100 Continue\r\n\r\n");
}

// The text that would become something else, in each place where a text can stand.
TEST(HeadWriter, WritesNothingThatWouldEndItsLineOrItsWord) {
  for (int code = 0; code < 256; ++code) {
    const std::string text{'/', 'a', static_cast<char>(code), 'b'};
    const bool is_control = code < 0x20 || code == 0x7f;

    HeadWriter with_value = HeadWriter::answer(200);
    with_value.add("A", text);
    EXPECT_EQ(with_value.finish().has_value(), !is_control || code == '\t') << code;

    const bool is_visible = code > 0x20 && code < 0x7f;
    EXPECT_EQ(HeadWriter::request("GET", text, "h").finish().has_value(), is_visible && code != '#') << code;

    EXPECT_EQ(HeadWriter::answer(200, text).finish().has_value(), !is_control || code == '\t') << code;

    const std::string word = text.substr(1);
    EXPECT_EQ(HeadWriter::request("GET", "/", word).finish().has_value(), is_host(word)) << code;
    HeadWriter with_name = HeadWriter::answer(200);
    with_name.add(word, "b");
    const bool may_be_name = with_name.finish().has_value();
    EXPECT_EQ(HeadWriter::request(word, "/", "h").finish().has_value(), may_be_name) << code;
    if (is_control || code == ' ' || code == ':' || code > 0x7f) {
      EXPECT_FALSE(may_be_name) << code;
    }
  }
}

TEST(HeadWriter, WritesNoHalfHeadWhenOnePartIsRefused) {
  HeadWriter writer = HeadWriter::request("GET", "/", "h");
  writer.add("Authorization", "Bearer x\r\nX-Injected: yes");
  writer.add("A", "b");
  EXPECT_FALSE(writer.finish());
  EXPECT_FALSE(HeadWriter::request("GET", "/_matrix/client/v3/rooms/!r/send/..", "h").finish());
}

TEST(HeadWriter, AnswersFinally) {
  for (const int status : {-1, 0, 99, 100, 101, 199, 600, 1000}) {
    EXPECT_FALSE(HeadWriter::answer(status).finish()) << status;
  }
  for (const int status : {200, 299, 599}) EXPECT_TRUE(HeadWriter::answer(status).finish()) << status;
}

TEST(HeadWriter, AnnouncesAnAnswer) {
  for (const int status : {0, 99, 100, 101, 200, 404}) {
    EXPECT_FALSE(HeadWriter::interim_answer(status).finish()) << status;
  }
  for (const int status : {102, 103, 199}) EXPECT_TRUE(HeadWriter::interim_answer(status).finish()) << status;
}

}  // namespace
}  // namespace afterword::http
