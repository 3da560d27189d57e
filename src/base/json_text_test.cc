#include "base/json_text.h"

#include <gtest/gtest.h>

#include <vector>

namespace afterword {
namespace {

JsonText read(std::string_view text) { return JsonText::read(text).value(); }

TEST(JsonText, IsOneWellFormedDocument) {
  for (const std::string_view text : {"{}", " [1] ", "\"a\"", "-1", "null"}) EXPECT_TRUE(JsonText::read(text)) << text;
  for (const std::string_view text : {"", " ", "{", "{}{}", "{\"a\"}", "[1,]", "\"", "nul"}) {
    EXPECT_FALSE(JsonText::read(text)) << text;
  }
}

TEST(JsonText, HasItsTextWithoutTheSpaceAround) { EXPECT_EQ(read(" \n[ 1 ]\t").text(), "[ 1 ]"); }

TEST(JsonText, HasMembers) {
  const JsonText object = read(R"({"a":{"b":1},"\u0062":"two","a":{"b":3},"c":[{"a":5}]})");
  const auto [a, b, none] = object.members(std::array<std::string_view, 3>{"a", "b", "none"});
  ASSERT_TRUE(a);
  EXPECT_EQ(a->text(), R"({"b":3})");  // the last one counts
  ASSERT_TRUE(b);
  EXPECT_EQ(b->string(), "two");
  EXPECT_FALSE(none);
  EXPECT_FALSE(read("[{\"a\":1}]").member("a"));
  EXPECT_FALSE(read("{}").member("a"));
}

TEST(JsonText, HasElements) {
  std::vector<std::string> elements;
  read(R"([1,[2,3],{"a":[]},"]"])").for_each_element([&](JsonText element) { elements.emplace_back(element.text()); });
  EXPECT_EQ(elements, (std::vector<std::string>{"1", "[2,3]", R"({"a":[]})", "\"]\""}));
  elements.clear();
  read("[ -1.5e3 ,\ttrue\n, \"\\\\\" ,{ \"}\" : \"]\" } ]").for_each_element([&](JsonText element) {
    elements.emplace_back(element.text());
  });
  EXPECT_EQ(elements, (std::vector<std::string>{"-1.5e3", "true", R"("\\")", R"({ "}" : "]" })"}));
  read("[]").for_each_element([](JsonText) { ADD_FAILURE(); });
  read(R"({"a":1})").for_each_element([](JsonText) { ADD_FAILURE(); });
}

TEST(JsonText, SaysWhatAStringIs) {
  EXPECT_EQ(read(R"("a\u00e9\n")").string(), "a\u00e9\n");
  EXPECT_TRUE(read(R"("a\u0062")").is("ab"));
  EXPECT_FALSE(read("1").is("1"));
  EXPECT_EQ(read("1").string(), std::nullopt);
  EXPECT_EQ(read("\"\xff\"").string(), std::nullopt);
}

TEST(JsonText, SaysWhatAnIntegerIs) {
  EXPECT_EQ(read("-17").integer(), -17);
  EXPECT_EQ(read("9223372036854775807").integer(), 9223372036854775807);
  for (const std::string_view text : {"9223372036854775808", "1.0", "1e3", "\"1\"", "null"}) {
    EXPECT_EQ(read(text).integer(), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace afterword
