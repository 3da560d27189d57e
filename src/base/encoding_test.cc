#include "base/encoding.h"

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
  for (const char* text : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(is_valid_utf8(text));
  }
}

}  // namespace
}  // namespace afterword
