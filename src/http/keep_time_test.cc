#include "http/keep_time.h"

#include <gtest/gtest.h>

namespace afterword::http {
namespace {

using namespace std::chrono_literals;

const KeepTime::Instant start{1h};

TEST(KeepTime, IsShortUntilSomethingWasSeen) {
  const KeepTime keep_time;
  EXPECT_TRUE(keep_time.surely_keeps(250ms));
  EXPECT_FALSE(keep_time.surely_keeps(251ms));
}

TEST(KeepTime, IsMuchLessThanWhatWasSeen) {
  KeepTime keep_time;
  keep_time.saw_open(10s, start);
  EXPECT_TRUE(keep_time.surely_keeps(5s));
  EXPECT_FALSE(keep_time.surely_keeps(5s + 1ms));
  keep_time.saw_open(1s, start);
  EXPECT_TRUE(keep_time.surely_keeps(5s)) << "a younger one says nothing about an older one";
}

TEST(KeepTime, IsNeverLongerThanWhatWasClosed) {
  KeepTime keep_time;
  keep_time.saw_open(20s, start);
  keep_time.saw_closed(1s, start);
  EXPECT_FALSE(keep_time.surely_keeps(501ms));
  keep_time.saw_open(20s, start + 1min);  // another server behind the same balancer
  EXPECT_TRUE(keep_time.surely_keeps(500ms));
  EXPECT_FALSE(keep_time.surely_keeps(501ms));
}

TEST(KeepTime, IsShorterThanWhatWasTold) {
  KeepTime keep_time;
  keep_time.saw_open(60s, start);
  for (const char* said : {"timeout=5", "timeout=5, max=1000", "max=7 ,\tTimeout=5"}) {
    keep_time.was_told(said);
    EXPECT_TRUE(keep_time.surely_keeps(4s)) << said;
    EXPECT_FALSE(keep_time.surely_keeps(4s + 1ms)) << said;
  }
  keep_time.was_told("timeout=120");
  EXPECT_TRUE(keep_time.surely_keeps(30s));
  EXPECT_FALSE(keep_time.surely_keeps(31s)) << "what was seen counts too";
  for (const char* zero : {"timeout=0", "timeout=1"}) {
    keep_time.was_told(zero);
    EXPECT_FALSE(keep_time.surely_keeps(1ms)) << zero;
  }
  for (const char* said :
       {"", "timeout", "timeout=", "timeout=-1", "timeout=1s", "timeout=99999999999", "max=1", ",,"}) {
    keep_time.was_told(said);
    EXPECT_TRUE(keep_time.surely_keeps(30s)) << said;
  }
  keep_time.was_told(std::nullopt);
  EXPECT_TRUE(keep_time.surely_keeps(30s));
}

TEST(KeepTime, RecoversFromARestartOfTheServer) {
  KeepTime keep_time;
  keep_time.saw_open(20s, start);
  keep_time.saw_closed(1ms, start);
  EXPECT_TRUE(keep_time.surely_keeps(250ms));
  EXPECT_FALSE(keep_time.surely_keeps(251ms));
  keep_time.saw_open(20s, start + 11min);
  EXPECT_TRUE(keep_time.surely_keeps(10s));
}

}  // namespace
}  // namespace afterword::http
