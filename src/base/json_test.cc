#include "base/json.h"

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

TEST(Json, TakesTheLastOfDuplicateKeys) { EXPECT_EQ(to_text(*parse_json(R"({"a": 1, "a": 2})")), R"({"a":2})"); }

TEST(Json, ObjectIsOnlyAnObject) {
  EXPECT_TRUE(parse_json_object("{}"));
  EXPECT_FALSE(parse_json_object("[]"));
  EXPECT_FALSE(parse_json_object("null"));
}

}  // namespace
}  // namespace afterword
