#include "domain/retry.h"

#include "domain/decisions.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <utility>

namespace afterword::domain {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp noon = from_ms(1'700'000'000'000);

DelayedEvent event_with(std::optional<Outcome> outcome) {
  EventToSend to_send;
  to_send.user_id = UserId("@alice:example.org");
  to_send.device_id = DeviceId("PHONE");
  to_send.room_id = RoomId("!room:example.org");
  to_send.kind = EventKind::state;
  to_send.type = "m.call.member";
  to_send.state_key = "alice";
  to_send.content = "{}";
  to_send.sticky_duration = 1h;
  DelayedEvent event;
  event.delay_id = DelayId::random();
  event.event = std::make_shared<const EventToSend>(std::move(to_send));
  event.timing = {noon - 1h, 1h};
  if (outcome) {
    event.state = state_of(*outcome);
    event.finalised = Finalised{noon, *outcome};
  }
  return event;
}

Outcome refusal(int status, std::string body) { return HomeserverError{status, std::move(body)}; }

TEST(MayBeRetried, OnlyWhatALimitOfRateHasRefused) {
  EXPECT_TRUE(may_be_retried(event_with(refusal(429, R"({"errcode":"M_LIMIT_EXCEEDED"})"))));
  EXPECT_FALSE(may_be_retried(event_with(refusal(403, R"({"errcode":"M_FORBIDDEN"})"))));
  EXPECT_FALSE(may_be_retried(event_with(refusal(429, "slow down"))));
  EXPECT_FALSE(may_be_retried(event_with(Cancelled{})));
  EXPECT_FALSE(may_be_retried(event_with(EventId("$sent"))));
  EXPECT_FALSE(may_be_retried(event_with(std::nullopt)));
}

TEST(RetryOf, IsTheSameEventAtOnce) {
  const DelayedEvent failed = event_with(refusal(429, R"({"errcode":"M_LIMIT_EXCEEDED"})"));
  const NewDelayedEvent again = retry_of(failed, noon);
  EXPECT_NE(again.delay_id, failed.delay_id);
  EXPECT_EQ(again.timing.due(), noon + 1ms);
  EXPECT_EQ(again.event.user_id, failed.event->user_id);
  EXPECT_EQ(again.event.device_id, failed.event->device_id);
  EXPECT_EQ(again.event.room_id, failed.event->room_id);
  EXPECT_EQ(again.event.kind, failed.event->kind);
  EXPECT_EQ(again.event.type, failed.event->type);
  EXPECT_EQ(again.event.state_key, failed.event->state_key);
  EXPECT_EQ(again.event.content, failed.event->content);
  EXPECT_EQ(again.event.sticky_duration, failed.event->sticky_duration);
}

TEST(RetryOf, HasOneTransactionForEachEvent) {
  const Outcome limited = refusal(429, R"({"errcode":"M_LIMIT_EXCEEDED"})");
  const DelayedEvent failed = event_with(limited);
  EXPECT_EQ(retry_of(failed, noon).transaction, retry_of(failed, noon + 1h).transaction);
  EXPECT_NE(retry_of(failed, noon).transaction, retry_of(event_with(limited), noon).transaction);
}

}  // namespace
}  // namespace afterword::domain
