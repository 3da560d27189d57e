#include "base/shares.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace afterword {
namespace {

TEST(Shares, AreBoundedForEachKeyAndAltogether) {
  Shares<std::string> shares(3, 2);
  std::vector<Shares<std::string>::Place> places;
  for (const char* key : {"a", "a", "b"}) {
    auto place = shares.take(key);
    ASSERT_TRUE(place) << key;
    places.push_back(std::move(*place));
    EXPECT_EQ(shares.take("a").has_value(), places.size() < 2);
  }
  EXPECT_FALSE(shares.take("c"));
  EXPECT_EQ(shares.taken(), 3u);
}

TEST(Shares, ComeBackWithTheirPlaces) {
  Shares<std::string> shares(1, 1);
  for (int i = 0; i < 3; ++i) {
    auto place = shares.take("a");
    ASSERT_TRUE(place);
    const auto moved = std::move(*place);
    EXPECT_FALSE(shares.take("a"));
  }
  EXPECT_EQ(shares.taken(), 0u);
}

}  // namespace
}  // namespace afterword
