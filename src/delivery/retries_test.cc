#include "delivery/retries.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;

const domain::DelayId id(domain::DelayId::Bytes{1});
const domain::RoomId room("!a:example.org");
constexpr Timestamp due = from_ms(1'000'000);
constexpr async::Steady begin{1h};
constexpr async::Steady no_outage{};
const Options options;

class RetriesTest : public ::testing::Test {
 protected:
  const Retry& fail(async::Steady now, Timestamp due_then = due, async::Steady outage_end = no_outage) {
    return retries_.note_failure(id, room, due_then, std::nullopt, now, now, outage_end);
  }
  Milliseconds pause_unclear() { return retries_.set_aside_or_wait(id, due, true, 0ms); }
  Milliseconds pause_not_arrived(Milliseconds at_least = 0ms) {
    return retries_.set_aside_or_wait(id, due, false, at_least);
  }

  Retries retries_{options};
};

TEST_F(RetriesTest, CountFailuresUntilTheyAreForgotten) {
  EXPECT_EQ(fail(begin).failures, 1u);
  EXPECT_EQ(fail(begin + 1s).failures, 2u);
  EXPECT_EQ(fail(begin + 1s).since, begin);
  retries_.forget(id, begin + 1s);
  EXPECT_EQ(retries_.find(id, due), nullptr);
  EXPECT_EQ(fail(begin + 2s).failures, 1u);
}

TEST_F(RetriesTest, WhatWasRestartedBeginsAnew) {
  fail(begin);
  fail(begin + options.longest_hold);
  pause_unclear();
  EXPECT_TRUE(retries_.is_aside(id, due));
  EXPECT_FALSE(retries_.is_aside(id, due + 1s));
  EXPECT_EQ(fail(begin + 10min, due + 1s).failures, 1u);
  EXPECT_FALSE(retries_.is_aside(id, due + 1s));
}

TEST_F(RetriesTest, AnOutageDoesNotCount) {
  fail(begin);
  EXPECT_EQ(fail(begin + 1h, due, begin + 59min).failures, 1u);
  pause_unclear();
  EXPECT_FALSE(retries_.is_aside(id, due));
  fail(begin + 1h + options.longest_hold, due, begin + 59min);
  pause_unclear();
  EXPECT_TRUE(retries_.is_aside(id, due));
}

TEST_F(RetriesTest, PausesTable) {
  enum class After { unclear, not_arrived };
  const struct {
    const char* name;
    After after;
    std::chrono::seconds since_the_first;
    Milliseconds at_least;
    Milliseconds shortest, longest;
    bool is_aside;
  } cases[] = {
      {"nothing is known of it", After::unclear, 0s, 0ms, 250ms, 500ms, false},
      {"it has not arrived", After::not_arrived, 1s, 0ms, 500ms, 1s, false},
      {"it is told to wait", After::not_arrived, 2s, 20s, 20s, 20s, false},
      {"but not for longer than its room waits", After::not_arrived, 110s, 1h, 10s, 10s, false},
      {"it is set aside while it is unclear", After::unclear, 120s, 0ms, 250ms, 500ms, true},
      {"it comes back and has not arrived: it is sent again at once", After::not_arrived, 121s, 0ms, 0ms, 0ms, true},
      {"and after a while", After::not_arrived, 122s, 0ms, 15s, 30s, true},
      {"that grows", After::not_arrived, 180s, 0ms, 30s, 60s, true},
      {"and is what it is told, beside its room", After::not_arrived, 240s, 1h, 1h, 1h, true},
  };
  for (const auto& [name, after, since, at_least, shortest, longest, is_aside] : cases) {
    SCOPED_TRACE(name);
    fail(begin + since);
    const Milliseconds pause = after == After::unclear ? pause_unclear() : pause_not_arrived(at_least);
    EXPECT_GE(pause, shortest);
    EXPECT_LE(pause, longest);
    EXPECT_EQ(retries_.is_aside(id, due), is_aside);
  }
}

TEST_F(RetriesTest, WhatIsSetAsideWithoutHavingArrivedHasARoundBehindIt) {
  fail(begin);
  fail(begin + options.longest_hold);
  EXPECT_GE(pause_not_arrived(), options.first_retry_aside / 2);
}

TEST_F(RetriesTest, ARoomIsHeldUpForAWhileInAllTable) {
  enum class What { fails, ends };
  struct Step {
    std::uint8_t event;
    What what;
    std::chrono::seconds at;
    bool is_aside = false;
    std::chrono::seconds outage_end{-1};
    const char* room_id = "!a:example.org";
    std::chrono::seconds took{0};
  };
  using enum What;
  const struct {
    const char* name;
    std::vector<Step> steps;
  } cases[] = {
      {"the second has what the first has left, the third nothing",
       {{1, fails, 0s},
        {1, fails, 70s},
        {1, ends, 80s},
        {2, fails, 100s},
        {2, fails, 139s},
        {2, fails, 140s, true},
        {3, fails, 141s, true}}},
      {"what is between them does not count", {{1, fails, 0s}, {1, ends, 60s}, {2, fails, 600s}, {2, fails, 659s}}},
      {"nor what goes on aside",
       {{1, fails, 0s}, {1, fails, 120s, true}, {1, ends, 3000s, true}, {2, fails, 3001s, true}}},
      {"two by turns do not count twice",
       {{1, fails, 0s}, {2, fails, 10s}, {1, fails, 80s}, {2, fails, 90s}, {1, fails, 119s}, {2, fails, 120s, true}}},
      {"what takes long counts from its beginning",
       {{.event = 1, .what = fails, .at = 30s, .took = 30s},
        {.event = 2, .what = fails, .at = 70s, .took = 30s},
        {.event = 3, .what = fails, .at = 129s, .took = 59s},
        {.event = 4, .what = fails, .at = 140s, .is_aside = true, .took = 1s}}},
      {"but not from before an outage",
       {{.event = 1, .what = fails, .at = 130s, .outage_end = 100s, .took = 130s},
        {.event = 1, .what = fails, .at = 219s, .outage_end = 100s},
        {.event = 1, .what = fails, .at = 220s, .is_aside = true, .outage_end = 100s}}},
      {"another room is another",
       {{1, fails, 0s}, {1, fails, 120s, true}, {2, fails, 121s, false, -1s, "!b:example.org"}}},
      {"an hour without a failure", {{1, fails, 0s}, {1, fails, 120s, true}, {2, fails, 3720s}, {2, fails, 3839s}}},
      {"less than an hour", {{1, fails, 0s}, {1, fails, 120s, true}, {2, fails, 3719s, true}, {3, fails, 7318s, true}}},
      {"an outage meanwhile",
       {{1, fails, 0s},
        {1, fails, 120s, true},
        {2, fails, 201s, false, 200s},
        {2, fails, 320s, false, 200s},
        {2, fails, 321s, true, 200s}}},
      {"what failed before an outage ends after it",
       {{1, fails, 0s},
        {2, fails, 201s, false, 200s},
        {1, ends, 300s},
        {2, fails, 301s, false, 200s},
        {2, fails, 321s, true, 200s}}},
  };
  for (const auto& [name, steps] : cases) {
    SCOPED_TRACE(name);
    Retries retries(options);
    for (const Step& step : steps) {
      SCOPED_TRACE(step.at.count());
      const domain::DelayId event(domain::DelayId::Bytes{step.event});
      if (step.what == ends) {
        retries.forget(event, begin + step.at);
        continue;
      }
      const async::Steady at = begin + step.at;
      retries.note_failure(event, domain::RoomId(step.room_id), due, std::nullopt, at - step.took, at,
                           begin + step.outage_end);
      retries.set_aside_or_wait(event, due, true, 0ms);
      EXPECT_EQ(retries.is_aside(event, due), step.is_aside);
    }
  }
}

TEST_F(RetriesTest, WhatNeverFailedNeedNotWait) { EXPECT_EQ(pause_not_arrived(1h), 0ms); }

TEST(Retry, IsHopelessADayAfterItWasDue) {
  const async::Steady later = begin + options.longest_hold;
  Retry retry{due, room, begin, begin};
  EXPECT_FALSE(retry.is_hopeless(due + 24h, later, no_outage, options));  // it has not been set aside
  retry.is_aside = true;
  EXPECT_TRUE(retry.is_hopeless(due + 24h, later, no_outage, options));
  EXPECT_FALSE(retry.is_hopeless(due + 24h - 1ms, later, no_outage, options));
  EXPECT_FALSE(retry.is_hopeless(due + 24h, later - 1ms, no_outage, options));
  EXPECT_FALSE(retry.is_hopeless(due + 24h, later, begin + 1ms, options));  // an outage has just ended
}

TEST_F(RetriesTest, AnEventFailsWithWhatWasAnsweredLast) {
  EXPECT_EQ(final_error(nullptr).status, 504);
  EXPECT_EQ(final_error(&fail(begin)).status, 504);
  const domain::HomeserverError bad_gateway{502, "{}"};
  retries_.note_failure(id, room, due, bad_gateway, begin, begin, no_outage);
  EXPECT_EQ(final_error(&fail(begin + 1s)).status, 502);
}

}  // namespace
}  // namespace afterword::delivery
