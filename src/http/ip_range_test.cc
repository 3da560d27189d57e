#include "http/ip_range.h"

#include <gtest/gtest.h>

namespace afterword::http {
namespace {

bool contains(std::string_view range, std::string_view address) {
  return is_in_one_of({IpRange::parse(range).value()}, address);
}

TEST(IpRange, IsOneAddressHoweverItIsWritten) {
  for (const char* address : {"10.0.0.1", "::ffff:10.0.0.1", "::FFFF:a00:1"}) {
    EXPECT_TRUE(contains("10.0.0.1", address)) << address;
    EXPECT_TRUE(contains("::ffff:10.0.0.1", address)) << address;
  }
  for (const char* address : {"2001:db8::1", "2001:DB8:0:0::1"}) EXPECT_TRUE(contains("2001:db8:0::1", address));
  for (const char* address : {"10.0.0.2", "::ffff:10.0.0.2", "::10.0.0.1", "unknown", ""}) {
    EXPECT_FALSE(contains("10.0.0.1", address)) << address;
  }
}

TEST(IpRange, IsAllWithItsPrefix) {
  for (const char* address : {"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"}) {
    EXPECT_TRUE(contains("10.0.0.0/8", address)) << address;
    EXPECT_TRUE(contains("10.9.9.9/8", address)) << address;
    EXPECT_TRUE(contains("::ffff:10.0.0.0/104", address)) << address;
  }
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_FALSE(contains("10.0.0.0/8", "::a00:1"));
  EXPECT_TRUE(contains("172.16.0.0/12", "172.31.255.255"));
  EXPECT_FALSE(contains("172.16.0.0/12", "172.32.0.0"));
  EXPECT_TRUE(contains("192.0.2.7/32", "192.0.2.7"));
  EXPECT_TRUE(contains("fd00::/9", "fd7f::1"));
  EXPECT_FALSE(contains("fd00::/9", "fd80::1"));
}

TEST(IpRange, OfOneFamilyHoldsNoneOfTheOther) {
  EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("::/0", "2001:db8::1"));
  EXPECT_FALSE(contains("::/0", "203.0.113.9"));
}

TEST(IpRange, IsNothingElse) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/255.0.0.0",
                           "::/129", "::ffff:10.0.0.0/8", "proxy.example.org", "10.0.0/8"}) {
    EXPECT_FALSE(IpRange::parse(text)) << text;
  }
}

}  // namespace
}  // namespace afterword::http
