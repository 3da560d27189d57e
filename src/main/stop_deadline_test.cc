#include "main/stop_deadline.h"

#include <gtest/gtest.h>

namespace afterword {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::steady_clock::time_point signalled{1h};

// Each phase takes all it is given, and requests another second to unwind.
TEST(StopDeadline, EndsAStopBeforeItIsKilledHoweverLongEachPhaseTakes) {
  const StopDeadline deadline(signalled);
  auto now = signalled;
  now += deadline.for_requests(now) + 1s;
  now += deadline.for_sends(now);
  EXPECT_LE(now, signalled + 8s);
  EXPECT_GE(deadline.last(), now);
  EXPECT_LT(deadline.last(), signalled + 9s);
}

TEST(StopDeadline, LeavesTimeForWhatARequestBeganToSendLast) {
  const StopDeadline deadline(signalled);
  const auto cut = signalled + deadline.for_requests(signalled) + 1s;
  EXPECT_GE(deadline.for_sends(cut), 1s);
}

TEST(StopDeadline, GivesSendsWhatRequestsDidNotTake) {
  const StopDeadline deadline(signalled);
  EXPECT_EQ(deadline.for_sends(signalled + 1s), 7s);
  EXPECT_EQ(deadline.for_sends(signalled + 1h), 0s);
  EXPECT_EQ(deadline.for_requests(signalled + 1h), 0s);
}

}  // namespace
}  // namespace afterword
