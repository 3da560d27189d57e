#include "http/head_syntax.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::http {
namespace {

using Result = HeadScan::Result;

Result scan(std::string_view text, std::size_t max_bytes = 1'000) {
  const auto of = text.starts_with("HTTP") ? HeadScan::Of::answer : HeadScan::Of::request;
  return HeadScan(of, max_bytes).look_at(text);
}

TEST(HeadSyntax, ATokenHasNothingThatEndsIt) {
  for (const char* token : {"GET", "X-Matrix_1", "!#$%&'*+-.^_`|~09azAZ"}) EXPECT_TRUE(is_token(token)) << token;
  for (const char* text : {"", "a b", "a:b", "a\tb", "a\r", "a\nb", "\xc3\xa4", "a,b", "a/b", "\x7f"}) {
    EXPECT_FALSE(is_token(text)) << text;
  }
}

TEST(HeadSyntax, AValueHasNoControlCharacterButTheTab) {
  for (int code = 0; code < 256; ++code) {
    const bool is_allowed = (code >= 0x20 && code != 0x7f) || code == '\t';
    EXPECT_EQ(is_header_value(std::string{'a', static_cast<char>(code), 'b'}), is_allowed) << code;
  }
}

TEST(HeadSyntax, ATargetIsVisibleAsciiWithoutAFragment) {
  for (const char* target :
       {"/", "*", "/a/%2F%25%3B/!r:h?x=1;y=2&z", "/a//b/", "/a?..", "/a?b=/../c", "/a/.../b", "/.a/b./..c", "/a%2fb"}) {
    EXPECT_TRUE(is_target(target)) << target;
  }
  for (const char* target :
       {"", "a", "?a", "*/", "/a b", "/a\r\nb", "/a\tb", "/a#b", "/\xc3\xa4", "/a\x7f", "http://a/", "//a\\b c"}) {
    EXPECT_FALSE(is_target(target)) << target;
  }
  EXPECT_FALSE(is_target(std::string_view("/a\0b", 4)));
}

TEST(HeadSyntax, ATargetHasNoDotSegment) {
  for (const char* target :
       {"/.", "/..", "/./a", "/a/..", "/a/../b?c", "/%2e", "/a/%2E%2e/b", "/a/.%2e", "/a%2f..%2Fb", "/..?a"}) {
    EXPECT_FALSE(is_target(target)) << target;
  }
}

TEST(HeadSyntax, AHostIsANameOrAnAddress) {
  for (const char* host : {"", "example.org", "EXAMPLE.org:8448", "[::1]:80", "127.0.0.1", "127.0.0.1:80", "synapse_1",
                           "[::ffff:127.0.0.1]", "a:"}) {
    EXPECT_TRUE(is_host(host)) << host;
  }
  for (const char* host :
       {"a b",     "a/b",   "a@b", "a,b",    "a?b",  "a#b",    "a\\b",   "\xc3\xa4", "a\"b", "a:http",
        "[::1]:x", "[::1",  "::1", "[::1]x", "[]",   "[x]",    "a:1:2",  ":80",      "a;b",  "a%2fb",
        "a'b",     "$host", "(a)", "a*",     "a\tb", "a:80@b", "a\r\nb", "a<b"}) {
    EXPECT_FALSE(is_host(host)) << host;
  }
}

TEST(HeadScan, TakesAWholeHead) {
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nA: b\r\nC:\r\nD:  e\tf \r\n\r\nrest"), Result::sound);
  EXPECT_EQ(scan("HTTP/1.1 200 \xc3\xa4\r\n\r\n"), Result::sound);
  EXPECT_EQ(scan("HTTP/1.0 599\r\n\r\n"), Result::sound);
  EXPECT_EQ(scan(""), Result::incomplete);
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nA: b\r\n"), Result::incomplete);
}

TEST(HeadScan, FindsTheSameByteByByte) {
  const std::string head = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
  HeadScan scan(HeadScan::Of::request, 1'000);
  for (std::size_t size = 0; size < head.size(); ++size) {
    ASSERT_EQ(scan.look_at(std::string_view(head).substr(0, size)), Result::incomplete) << size;
  }
  EXPECT_EQ(scan.look_at(head), Result::sound);
}

TEST(HeadScan, RefusesWhatCanBeReadInTwoWays) {
  const std::string start = "GET / HTTP/1.1\r\n";
  for (const std::string& rest :
       {std::string("A: b\n\r\n"), std::string("A: b\rC: d\r\n\r\n"), std::string(" A: b\r\n"),
        std::string("A: b\r\n folded\r\n"), std::string("A: b\r\n\tfolded\r\n"), std::string("A : b\r\n"),
        std::string("A\r\n"), std::string(": b\r\n"), std::string("A: b\0c\r\n", 9), std::string("A: b\x01\r\n"),
        std::string("\n"), std::string("A\xc3\xa4: b\r\n"), std::string("A: \x7f\r\n")}) {
    EXPECT_EQ(scan(start + rest), Result::malformed) << rest;
  }
  EXPECT_EQ(scan("GET / HTTP/1.1\n"), Result::malformed);
  EXPECT_EQ(scan("GET /\r HTTP/1.1\r\n"), Result::malformed);
  for (const char* text :
       {"\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "GET /\r\n", "GET  / HTTP/1.1\r\n", "GET / HTTP/1.1 \r\n",
        "GET / HTTP/2.0\r\n", "GET /#a HTTP/1.1\r\n", "G:T / HTTP/1.1\r\n", "GET / HTTP/1.1\rHost: a\r\r",
        "HTTP/1.2 200 OK\r\n", "HTTP/1.1 004 OK\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1  200\r\n",
        "HTTP/1.1\r\n", "HTTP/1.1 200\tOK\r\n", "\x16\x03"}) {
    EXPECT_EQ(scan(text), Result::malformed) << text;
  }
}

TEST(HeadScan, HasLimits) {
  std::string head = "GET / HTTP/1.1\r\n";
  for (std::size_t count = 0; count < max_headers; ++count) head += "A: b\r\n";
  EXPECT_EQ(scan(head + "\r\n", 10'000), Result::sound);
  EXPECT_EQ(scan(head + "A: b\r\n", 10'000), Result::too_large);
  EXPECT_EQ(scan(std::string(999, 'x')), Result::incomplete);
  EXPECT_EQ(scan(std::string(1'000, 'x')), Result::too_large);
  EXPECT_EQ(scan(std::string(1'000, 'x') + "\r\n\r\n"), Result::too_large);
}

}  // namespace
}  // namespace afterword::http
