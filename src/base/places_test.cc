#include "base/places.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace afterword {
namespace {

TEST(Places, AreBoundedForEachKeyAndAltogether) {
  Places<std::string> places_of_keys(3, 2);
  std::vector<Places<std::string>::Place> places;
  for (const char* key : {"a", "a", "b"}) {
    auto place = places_of_keys.take_place(key);
    ASSERT_TRUE(place) << key;
    places.push_back(std::move(*place));
    EXPECT_EQ(places_of_keys.take_place("a").has_value(), places.size() < 2);
  }
  EXPECT_FALSE(places_of_keys.take_place("c"));
  EXPECT_EQ(places_of_keys.taken(), 3u);
}

TEST(Places, ComeBackWithTheirPlaces) {
  Places<std::string> places_of_keys(1, 1);
  for (int i = 0; i < 3; ++i) {
    auto place = places_of_keys.take_place("a");
    ASSERT_TRUE(place);
    const auto moved = std::move(*place);
    EXPECT_FALSE(places_of_keys.take_place("a"));
  }
  EXPECT_EQ(places_of_keys.taken(), 0u);
}

}  // namespace
}  // namespace afterword
