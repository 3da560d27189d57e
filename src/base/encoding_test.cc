#include "base/encoding.h"

#include "base/utf8_check.h"

#include <gtest/gtest.h>

namespace afterword {
namespace {

TEST(Base64Url, EncodesAndDecodes) {
  const std::string bytes("\x00\xff\x10\xfb\xef", 5);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::string part = bytes.substr(0, length);
    const std::string text = to_base64url({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()});
    EXPECT_EQ(from_base64url(text), part) << text;
  }
}

TEST(Secret, IsTheSameOrNot) {
  EXPECT_TRUE(is_same_secret("", ""));
  EXPECT_TRUE(is_same_secret("a token", "a token"));
  for (const char* other : {"", "a", "a toke", "a token ", "b token", "a tokem"}) {
    EXPECT_FALSE(is_same_secret(other, "a token")) << other;
  }
}

TEST(Base64Url, RefusesWhatNoBytesEncodeTo) {
  for (const char* text : {"A", "AB", "A+==", "A/BC", "AAA B", "AAF"}) {
    EXPECT_FALSE(from_base64url(text)) << text;
  }
}

TEST(PercentDecode, DecodesOnce) {
  EXPECT_EQ(percent_decode("sk%2Fey"), "sk/ey");
  EXPECT_EQ(percent_decode("%252F"), "%2F");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
}

TEST(PercentDecode, LeavesWhatIsNoEscape) {
  for (const char* text : {"%", "%2", "%zz", "abc%"}) EXPECT_EQ(percent_decode(text), text);
  EXPECT_EQ(percent_decode("%%41%2%2Fa%"), "%A%2/a%");
}

TEST(PercentEncode, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("!room:example.org/~"), "%21room%3Aexample.org%2F~");
}

TEST(Utf8, IsToldFromOtherBytes) {
  EXPECT_TRUE(is_valid_utf8("plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80"));
  EXPECT_TRUE(is_valid_utf8("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
  for (const char* text :
       {"\xff", "\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xe2\x82x", "12345678\xff", "1234567\xff"}) {
    EXPECT_FALSE(is_valid_utf8(text));
  }
}

TEST(Utf8, MayComeInPieces) {
  const std::string_view text = "12345678, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80, 123456789";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Check check;
    EXPECT_TRUE(check.take(text.substr(0, cut)));
    EXPECT_EQ(check.is_whole(), is_valid_utf8(text.substr(0, cut)));
    EXPECT_TRUE(check.take(text.substr(cut)));
    EXPECT_TRUE(check.is_whole());
    EXPECT_FALSE(check.take("\xff"));
    EXPECT_FALSE(check.take("x"));
  }
}

}  // namespace
}  // namespace afterword
