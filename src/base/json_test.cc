#include "base/json.h"

#include "base/testing/json_suite.h"

#include <gtest/gtest.h>

namespace afterword {
namespace {

TEST(Json, ReadsOneDocument) {
  EXPECT_EQ(to_text(*parse_json(R"( {"a": [1, true, null, "x"]} )")), R"({"a":[1,true,null,"x"]})");
}

TEST(Json, RefusesWhatIsNotOneDocumentInUtf8) {
  for (const char* text : {"", "{", "{} {}", "{\"a\": 01}", "nonsense", "{\"a\": \"\xff\"}", "'x'"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Json, RefusesDeepNesting) {
  EXPECT_TRUE(parse_json(std::string(max_json_depth, '[') + std::string(max_json_depth, ']')));
  EXPECT_FALSE(parse_json(std::string(max_json_depth + 1, '[') + std::string(max_json_depth + 1, ']')));
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

TEST(Json, RefusesNumbersThatCouldNotBeWrittenAgain) {
  for (const char* text : {"1e400", "-1e400", "[1, {\"a\": [1e309]}]"}) EXPECT_FALSE(parse_json(text)) << text;
  EXPECT_EQ(to_text(*parse_json("[1e300]")), "[1E300]");
}

TEST(Json, TakesTheLastOfDuplicateKeys) { EXPECT_EQ(to_text(*parse_json(R"({"a": 1, "a": 2})")), R"({"a":2})"); }

TEST(Json, ObjectIsOnlyAnObject) {
  EXPECT_TRUE(parse_json_object("{}"));
  EXPECT_FALSE(parse_json_object("[]"));
  EXPECT_FALSE(parse_json_object("null"));
}

TEST(Json, AgreesWithTheTestSuite) {
  for (const auto& each : testing::json_to_take()) EXPECT_TRUE(parse_json(each.text)) << each.name;
  for (const auto& each : testing::json_to_refuse()) EXPECT_FALSE(parse_json(each.text)) << each.name;
  for (const auto& each : testing::json_to_choose()) {
    EXPECT_EQ(parse_json(each.text).has_value(), each.parser_takes) << each.name;
  }
}

TEST(Json, WritesWhatItReadsAgain) {
  for (const auto& each : testing::json_to_take()) {
    const json::value value = *parse_json(each.text);
    const auto again = parse_json(to_text(value));
    ASSERT_TRUE(again) << each.name;
    EXPECT_EQ(*again, value) << each.name;
  }
}

}  // namespace
}  // namespace afterword
