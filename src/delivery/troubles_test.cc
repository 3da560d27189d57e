#include "delivery/troubles.h"

#include <gtest/gtest.h>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;

const domain::DelayId id(domain::DelayId::Bytes{1});
constexpr Timestamp due = from_ms(1'000'000);
constexpr async::Steady begin{1h};
constexpr async::Steady no_outage{};
const Options options;

TEST(Troubles, CountFailuresUntilTheyAreForgotten) {
  Troubles troubles;
  EXPECT_EQ(troubles.add(id, due, begin, no_outage).failures, 1u);
  EXPECT_EQ(troubles.add(id, due, begin + 1s, no_outage).failures, 2u);
  EXPECT_EQ(troubles.add(id, due, begin + 1s, no_outage).since, begin);
  troubles.forget(id);
  EXPECT_EQ(troubles.find(id, due), nullptr);
  EXPECT_EQ(troubles.add(id, due, begin + 2s, no_outage).failures, 1u);
}

TEST(Troubles, BeginAnewWithWhatWasRestarted) {
  Troubles troubles;
  troubles.add(id, due, begin, no_outage).set_aside(true);
  EXPECT_TRUE(troubles.is_aside(id, due));
  EXPECT_FALSE(troubles.is_aside(id, due + 1s));
  EXPECT_EQ(troubles.add(id, due + 1s, begin + 1min, no_outage).failures, 1u);
  EXPECT_FALSE(troubles.is_aside(id, due + 1s));
}

TEST(Troubles, DoNotCountAnOutage) {
  Troubles troubles;
  troubles.add(id, due, begin, no_outage);
  const Trouble& trouble = troubles.add(id, due, begin + 1h, begin + 59min);
  EXPECT_EQ(trouble.failures, 1u);
  EXPECT_FALSE(trouble.holds_too_long(begin + 1h, options));
  EXPECT_TRUE(trouble.holds_too_long(begin + 1h + options.longest_hold, options));
}

TEST(Trouble, HoldsUpItsRoomForAWhile) {
  Trouble trouble{due, begin};
  EXPECT_FALSE(trouble.holds_too_long(begin + options.longest_hold - 1ms, options));
  EXPECT_TRUE(trouble.holds_too_long(begin + options.longest_hold, options));
  trouble.is_aside = true;
  EXPECT_FALSE(trouble.holds_too_long(begin + options.longest_hold, options));
}

TEST(Trouble, IsHopelessADayAfterItWasDue) {
  const async::Steady later = begin + options.longest_hold;
  Trouble trouble{due, begin};
  EXPECT_FALSE(trouble.is_hopeless(due + 24h, later, options));  // it has not been set aside
  trouble.is_aside = true;
  EXPECT_TRUE(trouble.is_hopeless(due + 24h, later, options));
  EXPECT_FALSE(trouble.is_hopeless(due + 24h - 1ms, later, options));
  EXPECT_FALSE(trouble.is_hopeless(due + 24h, later - 1ms, options));  // an outage has just ended
}

TEST(Trouble, FailsWithWhatWasAnsweredLast) {
  Trouble trouble{due, begin};
  EXPECT_EQ(trouble.error().status, 504);
  trouble.answer = domain::HomeserverError{502, "{}"};
  EXPECT_EQ(trouble.error().status, 502);
}

}  // namespace
}  // namespace afterword::delivery
