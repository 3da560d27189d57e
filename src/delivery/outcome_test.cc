#include "delivery/outcome.h"

#include "homeserver/testing/fake_homeserver.h"

#include <gtest/gtest.h>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;
using homeserver::SendAnswer;
using homeserver::Sent;
using homeserver::testing::connection_refused;
using homeserver::testing::refused;
using homeserver::testing::timed_out;

enum class Step { finalise, release, without_device, soon, again };
constexpr const char* step_names[] = {"finalise", "release", "send without device", "send soon", "try again"};

constexpr Try at_its_time{};
constexpr Try on_request{.on_request = true};
constexpr Try with_device{.with_device = true};
constexpr Try on_request_with_device{.on_request = true, .with_device = true};
constexpr Try second{.is_second = true};
constexpr Try second_on_request{.on_request = true, .is_second = true};
constexpr Try once_more{.may_have_arrived = true};
constexpr Try once_more_on_request{.on_request = true, .may_have_arrived = true};

TEST(NextStep, Table) {
  const SendAnswer sent = Sent{domain::EventId("$e")};
  const SendAnswer forbidden = refused(403, "M_FORBIDDEN");
  SendAnswer perhaps_at_a_stop = forbidden;
  std::get<homeserver::Refused>(perhaps_at_a_stop).may_be_stopping = true;
  const SendAnswer limited = refused(429, "M_LIMIT_EXCEEDED");
  const SendAnswer unknown_device = refused(400, "M_UNKNOWN_DEVICE");
  const struct {
    const char* name;
    Try tried;
    SendAnswer answer;
    Step expected;
  } cases[] = {
      {"sent at its time", at_its_time, sent, Step::finalise},
      {"sent on request", on_request, sent, Step::finalise},
      {"sent once more", once_more, sent, Step::finalise},

      {"refused at its time: failed", at_its_time, forbidden, Step::finalise},
      {"limited at its time: failed", at_its_time, limited, Step::finalise},
      {"refused on request: stays scheduled", on_request, forbidden, Step::release},
      {"limited on request: stays scheduled", on_request, limited, Step::release},

      {"refused, perhaps at a stop: once more", at_its_time, perhaps_at_a_stop, Step::soon},
      {"the same on request", on_request, perhaps_at_a_stop, Step::soon},
      {"refused twice: failed", second, perhaps_at_a_stop, Step::finalise},
      {"refused twice on request: stays scheduled", second_on_request, perhaps_at_a_stop, Step::release},

      {"its device is gone", with_device, unknown_device, Step::without_device},
      {"its device is gone, on request", on_request_with_device, unknown_device, Step::without_device},
      {"a device was not even named", at_its_time, unknown_device, Step::finalise},
      {"a device was not even named, on request", on_request, unknown_device, Step::release},

      {"not arrived: may be restarted", at_its_time, connection_refused(), Step::release},
      {"not arrived, on request", on_request, connection_refused(), Step::release},
      {"this try did not arrive, but an earlier one may have", once_more, connection_refused(), Step::again},
      {"the same on request", once_more_on_request, connection_refused(), Step::again},

      {"unclear", at_its_time, timed_out(), Step::again},
      {"unclear on request", on_request, timed_out(), Step::again},
      {"unclear once more", once_more, timed_out(), Step::again},
  };
  for (const auto& [name, tried, answer, expected] : cases) {
    EXPECT_STREQ(step_names[next_step(tried, answer).index()], step_names[static_cast<int>(expected)]) << name;
  }
}

TEST(NextStep, AFailureKeepsTheHomeserversError) {
  const auto step = std::get<Finalise>(next_step(at_its_time, refused(403, "M_FORBIDDEN")));
  EXPECT_EQ(std::get<domain::HomeserverError>(step.outcome).status, 403);
}

TEST(NextStep, WhoAskedHearsWhyItWasNotSent) {
  const auto refusal = std::get<Release>(next_step(on_request, refused(403, "M_FORBIDDEN")));
  EXPECT_EQ(std::get<domain::HomeserverError>(refusal.answer).status, 403);
  const auto outage = std::get<Release>(next_step(on_request, connection_refused()));
  EXPECT_TRUE(std::holds_alternative<NotSent>(outage.answer));
}

TEST(AttemptOf, CarriesWhatTheEventWasClaimedWith) {
  domain::DelayedEvent event;
  event.timing = {from_ms(1000), 500ms};
  for (const bool requested : {false, true}) {
    event.attempt = domain::Attempt{wall_from_ms(1234), requested};
    EXPECT_EQ(attempt_of(event).origin_server_ts, wall_from_ms(1234));
    EXPECT_EQ(attempt_of(event).on_request, requested);
  }
}

TEST(AttemptOf, AnApplicationServiceChoosesTheTimestamp) {
  domain::DelayedEvent event;
  event.timing = {from_ms(1000), 500ms};
  event.event.origin_server_ts = wall_from_ms(7);
  for (const bool requested : {false, true}) {
    event.attempt = domain::Attempt{wall_from_ms(1234), requested};
    EXPECT_EQ(attempt_of(event).origin_server_ts, wall_from_ms(7));
  }
}

}  // namespace
}  // namespace afterword::delivery
