#include "store/event_columns.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace afterword::store {
namespace {

// What is written by their order relies on it.
TEST(EventColumns, HaveOneValueEachInTheirOrder) {
  const domain::NewDelayedEvent event;
  std::vector<int> places;
  for_each_value(to_write(event), [&](int place, const auto&) { places.push_back(place); });
  std::vector<int> all(event_columns.size());
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(places, all);
}

TEST(EventColumns, OfAnOutcomeAreThoseOfItsKind) {
  const domain::Finalised sent{from_ms(1), domain::EventId("$event")};
  EXPECT_EQ(to_columns(sent).event_id, "$event");
  EXPECT_FALSE(to_columns(sent).error_status);
  const domain::Finalised failed{from_ms(2), domain::HomeserverError{403, "{}"}};
  EXPECT_EQ(to_columns(failed).error_status, 403);
  EXPECT_EQ(to_columns(failed).error_body, "{}");
  EXPECT_FALSE(to_columns(failed).event_id);
  const domain::Finalised cancelled{from_ms(3), domain::Cancelled{}};
  EXPECT_EQ(to_columns(cancelled).finalised_ts, from_ms(3));
  EXPECT_FALSE(to_columns(cancelled).event_id || to_columns(cancelled).error_status);
}

// A state of no outcome is an error, not the outcome that is written last in the source.
TEST(EventColumns, OfAnEventThatHasNotEndedAreNoOutcome) {
  struct Row {
    std::string text(int) const { return {}; }
    std::int64_t integer(int) const { return 0; }
  };
  EXPECT_THROW(read_outcome(Row(), domain::State::scheduled), std::logic_error);
  EXPECT_THROW(read_outcome(Row(), domain::State::sending), std::logic_error);
  EXPECT_TRUE(std::holds_alternative<domain::Cancelled>(read_outcome(Row(), domain::State::cancelled)));
}

}  // namespace
}  // namespace afterword::store
