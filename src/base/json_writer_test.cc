#include "base/json_writer.h"

#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace afterword {
namespace {

TEST(JsonObjectWriter, WritesMembersInTheirOrder) {
  std::string text = "[";
  JsonObjectWriter object(text);
  object.add("a", "1");
  object.add("b", std::numeric_limits<std::int64_t>::min());
  object.add_json("c", "[]");
  object.end();
  EXPECT_EQ(text, R"([{"a":"1","b":-9223372036854775808,"c":[]})");
}

TEST(JsonObjectWriter, TakesTheMembersOfAnother) {
  std::string text;
  JsonObjectWriter object(text);
  object.add_members_of("{}");
  object.add_members_of(R"({"a":1,"b":{}})");
  object.add("c", "2");
  object.end();
  EXPECT_EQ(text, R"({"a":1,"b":{},"c":"2"})");
}

TEST(JsonObjectWriter, WritesAnEmptyObject) {
  std::string text;
  JsonObjectWriter(text).end();
  EXPECT_EQ(text, "{}");
}

TEST(JsonObjectWriter, WritesEveryStringAsTheLibraryDoes) {
  std::string all;
  for (int character = 0; character < 0x80; ++character) all += static_cast<char>(character);
  all += "\xc3\xa4\xf0\x9f\x98\x80";
  std::string text;
  JsonObjectWriter object(text);
  object.add("all", all);
  object.end();
  EXPECT_EQ(text, to_text(json::object{{"all", all}}));
}

// It looks at eight characters at once.
TEST(JsonObjectWriter, FindsWhatNeedsAnEscapeWhereverItStands) {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (const char character :
           {'"', '\\', '\x1f', ' ', '!', '#', '[', ']', '\x7f', '\x80', '\xa2', '\xdc', '\xff'}) {
        std::string value(size, 'x');
        value[place] = character;
        std::string text;
        JsonObjectWriter object(text);
        object.add("a", value);
        object.end();
        EXPECT_EQ(text, to_text(json::object{{"a", value}})) << size << ' ' << place;
      }
    }
  }
}

TEST(JsonObjectWriter, TakesMoreThanWasExpected) {
  const std::string value(10'000, 'x');
  for (const std::size_t expected : {0, 1, 5'000, 30'000}) {
    std::string text = "[";
    JsonObjectWriter object(text, expected);
    object.add("a", value);
    object.add("b", 1);
    object.add_members_of(R"({"c":2})");
    object.add_json("d", '"' + value + '"');
    object.end();
    EXPECT_EQ(text, R"([{"a":")" + value + R"(","b":1,"c":2,"d":")" + value + R"("})");
  }
}

}  // namespace
}  // namespace afterword
