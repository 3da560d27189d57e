#include "domain/limits.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace afterword::domain {
namespace {

using namespace std::chrono_literals;

EventToSend event_of(EventKind kind, std::string type) {
  EventToSend event;
  event.kind = kind;
  event.type = std::move(type);
  return event;
}

TEST(IsOfCall, MembershipsAreAndEncryptedStickyEvents) {
  EXPECT_TRUE(is_of_call(event_of(EventKind::state, "org.matrix.msc3401.call.member")));
  EXPECT_TRUE(is_of_call(event_of(EventKind::state, "m.call.member")));
  EXPECT_TRUE(is_of_call(event_of(EventKind::message, "org.matrix.msc4143.rtc.member")));
  EXPECT_TRUE(is_of_call(event_of(EventKind::message, "m.rtc.member")));
  EventToSend encrypted = event_of(EventKind::message, "m.room.encrypted");
  EXPECT_FALSE(is_of_call(encrypted));
  encrypted.sticky_duration = 1h;
  EXPECT_TRUE(is_of_call(encrypted));
  EventToSend sticky_message = event_of(EventKind::message, "m.room.message");
  sticky_message.sticky_duration = 1h;
  EXPECT_FALSE(is_of_call(sticky_message));
  EXPECT_FALSE(is_of_call(event_of(EventKind::state, "m.room.member")));
  EXPECT_FALSE(is_of_call(event_of(EventKind::message, "m.room.message")));
}

TEST(LongestDelay, IsThatOfTheKind) {
  const EventToSend message = event_of(EventKind::message, "m.room.message");
  const EventToSend redaction = event_of(EventKind::redaction, "m.room.redaction");
  const EventToSend topic = event_of(EventKind::state, "m.room.topic");
  const EventToSend sticky_leave = event_of(EventKind::message, "m.rtc.member");
  const auto delays = [&](std::optional<Milliseconds> any, std::optional<Milliseconds> of_message) {
    Limits limits;
    limits.max_delay = any;
    limits.max_message_delay = of_message;
    EXPECT_EQ(longest_delay(limits, topic), any);
    EXPECT_EQ(longest_delay(limits, sticky_leave), any);
    EXPECT_EQ(longest_delay(limits, redaction), longest_delay(limits, message));
    return longest_delay(limits, message);
  };
  EXPECT_EQ(delays(24h, 720h), 720h);
  EXPECT_EQ(delays(24h, 1h), 24h);  // never less than anybody may ask for
  EXPECT_EQ(delays(24h, std::nullopt), std::nullopt);
  EXPECT_EQ(delays(std::nullopt, 1h), std::nullopt);
}

TEST(MostScheduled, IsMoreForCalls) {
  Limits limits;
  EXPECT_EQ(most_scheduled(limits, false), 100U);
  EXPECT_EQ(most_scheduled(limits, true), 120U);
  limits.more_for_calls = 0;
  EXPECT_EQ(most_scheduled(limits, true), 100U);
  limits.more_for_calls = std::numeric_limits<std::uint32_t>::max();
  EXPECT_EQ(most_scheduled(limits, true), std::numeric_limits<std::uint32_t>::max());
  limits.max_scheduled_per_user = 0;
  EXPECT_EQ(most_scheduled(limits, true), 0U);
  limits.max_scheduled_per_user.reset();
  EXPECT_EQ(most_scheduled(limits, true), std::nullopt);
}

}  // namespace
}  // namespace afterword::domain
