#include "base/json_scanner.h"

#include "base/encoding.h"
#include "base/testing/json_suite.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace afterword {
namespace {

using Kind = JsonToken::Kind;

std::vector<std::string> tokens_of(const std::string& text) {
  JsonScanner scanner(text);
  std::vector<std::string> tokens;
  for (JsonToken token = scanner.next();; token = scanner.next()) {
    if (token.kind == Kind::end) return tokens;
    if (token.kind == Kind::invalid) return {"invalid"};
    tokens.push_back(text.substr(token.begin, token.end - token.begin));
  }
}

bool is_json(std::string_view text) {
  JsonScanner scanner(text);
  for (;;) {
    const JsonToken token = scanner.next();
    if (token.kind == Kind::end) return true;
    if (token.kind == Kind::invalid) return false;
  }
}

// Another opinion.
bool boost_takes(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 1000;
  boost::json::error_code error;
  boost::json::parse(text, error, {}, options);
  return !error;
}

std::string unescaped(std::string_view quoted) {
  std::string buffer;
  return std::string(text_of_string(quoted, buffer));
}

TEST(JsonScanner, SaysWhereEachTokenStands) {
  const std::vector<std::string> expected{"{", "\"a\"", "[",    "1",    "-2.5e+3",      "]", "\"b\\\"\"", "{",
                                          "}", "\"c\"", "null", "\"\"", "\"x\\u0041\"", "}"};
  EXPECT_EQ(tokens_of(" {\"a\" : [1,\n-2.5e+3 ], \"b\\\"\":{ },\t\"c\":null,\r\"\":\"x\\u0041\"} "), expected);
}

TEST(JsonScanner, TellsKeysFromStringsAndNullFromOtherLiterals) {
  JsonScanner scanner(R"({"key":["string",null,true,false,0]})");
  for (const Kind kind : {Kind::begin_object, Kind::key, Kind::begin_array, Kind::string, Kind::null, Kind::other,
                          Kind::other, Kind::other, Kind::end_array, Kind::end_object, Kind::end, Kind::end}) {
    EXPECT_EQ(scanner.next().kind, kind);
  }
}

TEST(JsonScanner, TakesWhatIsJson) {
  for (const char* text : {"null", "true", " 0 ", "-0", "1E5", "0.10", "\"\"", "[]", "{}", "[[],{}]",
                           "\"\\/\\b\\uD83d\\uDe00\"", R"({"a":1,"a":2})"}) {
    EXPECT_TRUE(is_json(text)) << text;
    EXPECT_TRUE(boost_takes(text)) << text;
  }
}

TEST(JsonScanner, RefusesWhatIsNot) {
  for (const char* text :
       {"",       " ",       "nul",         "nulls",     "True",      "01",        "-",
        "+1",     "1.",      ".5",          "1e",        "1e+",       "0x1",       "\"",
        "\"\\\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u123",  "\"\\",      "\"\n\"",    "[",
        "]",      "[1",      "[1,",         "[1,]",      "[,1]",      "[1 2]",     "[1}",
        "{",      "}",       "{\"a\"",      "{\"a\":",   "{\"a\":1",  "{\"a\":1,", "{\"a\":1,}",
        "{,}",    "{a:1}",   "{1:1}",       "{\"a\" 1}", "{\"a\":1]", "{\"a\",1}", "{\"a\"::1}",
        "{}{}",   "{},",     "[] x",        "1 2",       "'a'",       "/* */ 1",   "\xef\xbb\xbf{}"}) {
    EXPECT_FALSE(is_json(text)) << text;
    EXPECT_FALSE(boost_takes(text)) << text;
  }
  EXPECT_FALSE(is_json(std::string_view("1\0", 2)));
  EXPECT_FALSE(is_json(std::string_view("\"\0\"", 3)));
}

TEST(JsonScanner, AgreesWithTheTestSuite) {
  const auto takes = [](std::string_view text) { return is_json(text) && is_valid_utf8(text); };
  for (const auto& each : afterword::testing::json_to_take()) EXPECT_TRUE(takes(each.text)) << each.name;
  for (const auto& each : afterword::testing::json_to_refuse()) EXPECT_FALSE(takes(each.text)) << each.name;
  for (const auto& each : afterword::testing::json_to_choose()) {
    EXPECT_EQ(takes(each.text), each.scanner_takes) << each.name;
  }
}

TEST(JsonScanner, StaysAtItsEnd) {
  JsonScanner scanner("[1}]");
  for (const Kind kind : {Kind::begin_array, Kind::other, Kind::invalid, Kind::invalid, Kind::invalid}) {
    EXPECT_EQ(scanner.next().kind, kind);
  }
}

TEST(JsonScanner, LimitsDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(is_json(nested(JsonScanner::max_depth)));
  EXPECT_FALSE(is_json(nested(JsonScanner::max_depth + 1)));
  EXPECT_FALSE(is_json(std::string(10'000'000, '[')));
}

TEST(JsonScanner, SkipsAValue) {
  const std::string text = R"({"a":{"b":[{"c":[]}],"d":1} ,"e":"f"})";
  JsonScanner scanner(text);
  scanner.next();
  scanner.next();
  const JsonToken value = scanner.next();
  EXPECT_EQ(text.substr(value.begin, scanner.skip_value(value) - value.begin), R"({"b":[{"c":[]}],"d":1})");
  EXPECT_EQ(scanner.next().kind, Kind::key);
  const JsonToken string = scanner.next();
  EXPECT_EQ(scanner.skip_value(string), string.end);
  EXPECT_EQ(scanner.next().kind, Kind::end_object);
  EXPECT_EQ(scanner.next().kind, Kind::end);
}

TEST(JsonScanner, SkipsNoFurtherThanAFault) {
  for (const std::string text : {"[[1,{]]", "[[1,[", "[[]"}) {
    JsonScanner scanner(text);
    scanner.next();
    EXPECT_LE(scanner.skip_value(scanner.next()), text.size()) << text;
    while (scanner.next().kind != Kind::invalid) {
    }
  }
}

// --- A text in pieces ---

struct Read {
  std::vector<std::string> tokens;  // as they stand in the text
  std::vector<std::string> quoted;
  std::vector<Kind> kinds;
  bool operator==(const Read&) const = default;
};

// `cuts`: where the pieces end, ascending.
Read read_in_pieces(const std::string& text, const std::vector<std::size_t>& cuts) {
  JsonScanner scanner;
  Read read;
  // A copy of each, so that whoever looks at one that has gone is caught.
  auto piece = std::make_unique<std::string>();
  std::size_t begin = 0;
  for (std::size_t next = 0;;) {
    const JsonToken token = scanner.next();
    if (token.kind == Kind::more) {
      if (next > cuts.size()) {
        scanner.finish();
        continue;
      }
      const std::size_t end = next == cuts.size() ? text.size() : cuts[next];
      ++next;
      piece = std::make_unique<std::string>(text.substr(begin, end - begin));
      begin = end;
      scanner.read(*piece);
      continue;
    }
    read.kinds.push_back(token.kind);
    if (token.kind == Kind::end || token.kind == Kind::invalid) return read;
    read.tokens.push_back(text.substr(token.begin, token.end - token.begin));
    if (token.kind == Kind::key || token.kind == Kind::string) read.quoted.emplace_back(scanner.quoted());
  }
}

TEST(JsonScannerInPieces, SaysTheSameWhereverTheTextIsCut) {
  const std::string valid =
      R"( {"a":[1,-2.5e+3,0,"x\u0041\n\"é\ud83d\ude00"],"b\\":{"":null,"d":[true,false,{}]}, "e" : -0.10E1 } )";
  std::mt19937 random(20'261'126);
  for (const std::string& text : {valid, valid.substr(0, valid.size() - 2), valid + "]", std::string("12"),
                                  std::string("nul"), std::string("1e"), std::string("[1,\"a\x01\"]")}) {
    const Read whole = read_in_pieces(text, {});
    for (std::size_t one = 0; one <= text.size(); ++one) {
      ASSERT_EQ(read_in_pieces(text, {one}), whole) << text << " cut at " << one;
    }
    std::vector<std::size_t> every_byte(text.size());
    std::iota(every_byte.begin(), every_byte.end(), 0);
    ASSERT_EQ(read_in_pieces(text, every_byte), whole) << text;
    for (int round = 0; round < 100; ++round) {
      std::vector<std::size_t> cuts(random() % 10);
      for (std::size_t& cut : cuts) cut = random() % (text.size() + 1);
      std::ranges::sort(cuts);
      ASSERT_EQ(read_in_pieces(text, cuts), whole) << text;
    }
  }
}

TEST(JsonScannerInPieces, AsksForMoreUntilItIsToldTheEnd) {
  JsonScanner scanner;
  EXPECT_EQ(scanner.next().kind, Kind::more);
  scanner.read("1");
  EXPECT_EQ(scanner.next().kind, Kind::more);  // it may be 12
  scanner.read("2 ");
  const JsonToken number = scanner.next();
  EXPECT_EQ(number.kind, Kind::other);
  EXPECT_EQ(number.end, 2U);
  EXPECT_EQ(scanner.next().kind, Kind::more);
  scanner.finish();
  EXPECT_EQ(scanner.next().kind, Kind::end);
}

TEST(JsonScannerInPieces, KeepsNoLongString) {
  const std::string longest = '"' + std::string(JsonScanner::max_kept_bytes - 2, 'x') + '"';
  EXPECT_EQ(read_in_pieces(longest, {100, 200}).quoted, std::vector<std::string>{longest});
  const std::string longer = '"' + std::string(JsonScanner::max_kept_bytes - 1, 'x') + '"';
  EXPECT_EQ(read_in_pieces(longer, {100, 200}).quoted, std::vector<std::string>{""});
  EXPECT_EQ(read_in_pieces(longer, {}).quoted, std::vector<std::string>{longer});
  EXPECT_EQ(read_in_pieces(longer, {longer.size() - 1}).quoted, std::vector<std::string>{""});
}

// --- Strings ---

TEST(TextOfString, ResolvesEscapes) {
  EXPECT_EQ(unescaped(R"("")"), "");
  EXPECT_EQ(unescaped(R"("plain")"), "plain");
  EXPECT_EQ(unescaped(R"("event\u005fid")"), "event_id");
  EXPECT_EQ(unescaped(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(unescaped(R"("\u00e9\u20AC\ud83d\ude00")"), "é€😀");
  EXPECT_EQ(unescaped(R"("\\u0041")"), "\\u0041");
}

TEST(TextOfString, ReplacesHalfASurrogatePair) {
  EXPECT_EQ(unescaped(R"("\ud83d")"), "\xef\xbf\xbd");
  EXPECT_EQ(unescaped(R"("\ude00x")"), "\xef\xbf\xbdx");
  EXPECT_EQ(unescaped(R"("\ud83d\u0041")"),
            "\xef\xbf\xbd"
            "A");
  EXPECT_EQ(unescaped(R"("\ud83d\ud83d\ude00")"), "\xef\xbf\xbd😀");
}

// Random texts over the alphabet of JSON, and valid ones with a few bytes changed: the scanner takes what Boost.JSON
// takes. Half surrogate pairs, which Boost refuses, are left out of the alphabet.
TEST(JsonScanner, AgreesWithBoost) {
  constexpr std::array<std::string_view, 30> pieces{
      "{",    "}",    "[",     "]", ",",  ":",  "\"", "\"a\"", "\"a\":",  "1",   "0", "-",    ".",    "e",  "+",
      "null", "true", "false", " ", "\n", "\\", "u",  "0041",  "\\u0041", "\\n", "é", "\x80", "\x01", "{}", "[]"};
  const std::string valid = R"({"a":[1,-2.5e+3,"x\u0041\n\"é"],"b":{"c":null,"d":[true,false,{}]}, "e" : "\\" })";
  std::mt19937 random(20'261'123);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  std::size_t taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    if (round % 2 == 0) {
      for (std::size_t length = 1 + below(8); length > 0; --length) text += pieces[below(pieces.size())];
    } else {
      text = valid.substr(0, below(4) == 0 ? below(valid.size()) : valid.size());
      for (std::size_t changes = below(3); changes > 0 && !text.empty(); --changes) {
        text.replace(below(text.size()), below(3), pieces[below(pieces.size())]);
      }
    }
    const bool expected = boost_takes(text);
    ASSERT_EQ(is_json(text) && is_valid_utf8(text), expected) << text;
    taken += expected ? 1 : 0;
  }
  EXPECT_GT(taken, 10'000U);
}

}  // namespace
}  // namespace afterword
