#include "delivery/event_log.h"

#include <gmock/gmock.h>

namespace afterword::delivery {
namespace {

// printf %s DELAY_ID | sha256sum | cut -c1-8
TEST(EventLog, NamesAnEventByWhatNobodyCanGoBackFrom) {
  const domain::DelayId delay_id = *domain::DelayId::parse("AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(delay_id.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(log_name(delay_id), "8a5bdb4c");
}

}  // namespace
}  // namespace afterword::delivery
