#include "ops/duration.h"

#include <gtest/gtest.h>

#include <chrono>

namespace afterword::ops {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("24h"), 24h);
  EXPECT_EQ(parse_duration("7d"), std::chrono::days(7));
  EXPECT_EQ(parse_duration("2w"), std::chrono::weeks(2));
  EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Duration, IsNothingElse) {
  for (const char* text :
       {"", "5", "h", "5 h", " 5h", "5h ", "-5h", "+5h", "1.5h", "1h30m", "5H", "5y", "none", "0x5h"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, EndsWhereMatrixNumbersEnd) {
  EXPECT_EQ(parse_duration("9007199254740991ms"), Milliseconds(max_json_integer));
  for (const char* text : {"9007199254740992ms", "9007199254741s", "18446744073709551615w", "99999999999999999999ms"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

}  // namespace
}  // namespace afterword::ops
