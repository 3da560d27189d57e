#include "http/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afterword::http {
namespace {

using ::testing::ElementsAre;

TEST(Target, SplitsThePathBeforeItDecodes) {
  const auto target = Target::parse("/state/m.room%2Emember/sk%2Fey");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("state", "m.room.member", "sk/ey"));
  EXPECT_EQ(target->path, "/state/m.room%2Emember/sk%2Fey");
  EXPECT_EQ(target->query, "");
}

TEST(Target, DecodesOnceOnly) {
  const auto target = Target::parse("/%2541+b");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("%41+b"));
}

TEST(Target, APercentSignThatEncodesNothingStandsForItself) {
  EXPECT_THAT(Target::parse("/100%/%4/%zz/a%e%2F%%41")->segments, ElementsAre("100%", "%4", "%zz", "a%e/%A"));
}

TEST(Target, ATrailingSlashIsAnEmptySegment) {
  EXPECT_THAT(Target::parse("/state/m.x/")->segments, ElementsAre("state", "m.x", ""));
  EXPECT_THAT(Target::parse("/state/m.x")->segments, ElementsAre("state", "m.x"));
  EXPECT_THAT(Target::parse("/a//b")->segments, ElementsAre("a", "", "b"));
  EXPECT_THAT(Target::parse("/")->segments, ElementsAre(""));
}

TEST(Target, StaysWhatItIsWhenItIsMovedAndItsTextGoes) {
  std::string text = "/a%2Fb/c?d=e";
  std::optional<Target> target = Target::parse(text);
  text.assign(text.size(), 'x');
  const Target moved = *std::move(target);
  target.reset();
  EXPECT_THAT(moved.segments, ElementsAre("a/b", "c"));
  EXPECT_EQ(moved.path, "/a%2Fb/c");
  EXPECT_EQ(moved.query, "d=e");
}

TEST(Target, RefusesWhatIsNoPath) {
  for (const char* text : {"", "*", "path", "?a=b"}) {
    EXPECT_FALSE(Target::parse(text)) << text;
  }
}

TEST(Target, HasNoMoreSegmentsThanAnyRouteCouldNeed) {
  const auto path_of = [](std::size_t segments, std::string_view each) {
    std::string path;
    for (std::size_t i = 0; i < segments; ++i) path += each;
    return path;
  };
  for (const char* each : {"/", "/a"}) {
    ASSERT_TRUE(Target::parse(path_of(Target::max_segments, each)));
    EXPECT_EQ(Target::parse(path_of(Target::max_segments, each))->segments.size(), Target::max_segments);
    EXPECT_FALSE(Target::parse(path_of(Target::max_segments + 1, each)));
    EXPECT_FALSE(Target::parse(path_of(31'000, each)));
  }
  EXPECT_TRUE(Target::parse("/a?" + std::string(1'000, '/'))) << "a slash in a query divides nothing";
  EXPECT_TRUE(Target::parse("/" + path_of(1'000, "%2F"))) << "nor one that is encoded";
}

TEST(Target, FindsParametersDecoded) {
  const auto target = Target::parse("/p?a=1&b=x+y%2B%26&b=second&empty=&flag&org.matrix%2Edelay=5&q=a=b?c");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/p");
  EXPECT_EQ(target->parameter("a"), "1");
  EXPECT_EQ(target->parameter("b"), "x y+&");
  EXPECT_EQ(target->parameter("empty"), "");
  EXPECT_EQ(target->parameter("flag"), "");
  EXPECT_EQ(target->parameter("org.matrix.delay"), "5");
  EXPECT_EQ(target->parameter("q"), "a=b?c");
  EXPECT_EQ(target->parameter("c"), std::nullopt);
  EXPECT_EQ(target->parameter(""), std::nullopt);
}

TEST(Target, AlsoSplitsAtASemicolon) {
  const auto target = Target::parse("/p?a=1;delay=2&b=3;;c;&d=%3B;=");
  EXPECT_EQ(target->parameter("delay"), "2");
  EXPECT_EQ(target->parameter("a"), "1");
  EXPECT_EQ(target->parameter("c"), "");
  EXPECT_EQ(target->parameter("d"), ";");
}

TEST(Target, KnowsWhatIsNoText) {
  for (const char* text : {"/", "/a/%C3%A4?b=%F0%9F%98%80&c", "/a?b=%zz"}) EXPECT_TRUE(Target::parse(text)->is_text());
  for (const char* text :
       {"/a/%ff", "/%00", "/a/%c0%af/b", "/%ed%a0%80", "/\xff", "/a?b=%ff", "/a?%00=1", "/a?x;b=\xfe"}) {
    EXPECT_FALSE(Target::parse(text)->is_text()) << text;
  }
}

TEST(Target, AParameterThatCannotBeDecodedIsStillThere) {
  const auto target = Target::parse("/p?delay=%zz&x=%&=5");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->parameter("delay"), "%zz");
  EXPECT_EQ(target->parameter("x"), "%");
}

}  // namespace
}  // namespace afterword::http
