#include "delivery/grace.h"

#include <gtest/gtest.h>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp now = from_ms(1'000'000);
constexpr async::Steady steady{1h};

domain::Timing timing(Timestamp delayed_since, Milliseconds delay) { return {delayed_since, delay}; }

TEST(Grace, HoldsWhatWasNotRestartedSince) {
  Grace grace(10s);
  grace.begin(now);
  const struct {
    const char* name;
    domain::Timing timing;
    Milliseconds after;
    bool expected;
  } cases[] = {
      {"due before", timing(now - 20s, 15s), 0ms, true},
      {"until the end", timing(now - 20s, 15s), 10s - 1ms, true},
      {"and no longer", timing(now - 20s, 15s), 10s, false},
      {"no longer than its own delay", timing(now - 20s, 3s), 3s, false},
      {"restarted since", timing(now, 1s), 1s, false},
  };
  for (const auto& [name, event, after, expected] : cases) EXPECT_EQ(grace.holds(event, now + after), expected) << name;
}

TEST(Grace, LetsNothingGoBeforeItBegins) {
  const Grace grace(0s);
  EXPECT_TRUE(grace.holds(timing(now - 20s, 15s), now));
}

TEST(Grace, BeginsAfterAnOutageInWhichNoClientWasHeard) {
  const struct {
    const char* name;
    Milliseconds length;
    std::chrono::seconds outage, since_a_client;
    bool expected;
  } cases[] = {
      {"clients were away too", 10s, 60s, 61s, true},
      {"none was heard in the time that all take", 10s, 60s, 11s, true},
      {"one was", 10s, 60s, 9s, false},
      {"in a short outage any does", 10s, 7s, 8s, true},
      {"a brief one says nothing", 10s, 4s, 30s, false},
      {"there is no grace", 0s, 60s, 61s, false},
  };
  for (const auto& [name, length, outage, since_a_client, expected] : cases) {
    Grace grace(length);
    grace.note_client(steady - since_a_client, now - since_a_client);
    EXPECT_EQ(grace.begin_after_outage(steady - outage, steady, now), expected) << name;
  }
}

TEST(Grace, AfterAnOutageItBeginsAgainWithTheFirstClient) {
  Grace grace(10s);
  ASSERT_TRUE(grace.begin_after_outage(steady - 60s, steady, now));
  grace.note_client(steady + 8s, now + 8s);
  EXPECT_EQ(grace.end(), now + 18s);
  grace.note_client(steady + 9s, now + 9s);
  EXPECT_EQ(grace.end(), now + 18s);
}

TEST(Grace, AClientThatComesAfterItsEndBeginsNone) {
  Grace grace(10s);
  ASSERT_TRUE(grace.begin_after_outage(steady - 60s, steady, now));
  grace.note_client(steady + 10s, now + 10s);
  EXPECT_EQ(grace.end(), now + 10s);
}

}  // namespace
}  // namespace afterword::delivery
