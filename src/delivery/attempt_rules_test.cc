#include "delivery/attempt_rules.h"

#include "homeserver/testing/fake_homeserver.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;
using homeserver::SendAnswer;
using homeserver::Sent;
using homeserver::testing::connection_refused;
using homeserver::testing::refused;
using homeserver::testing::timed_out;

const Options options;
constexpr async::Steady now{1h};
constexpr Timestamp due = from_ms(1'000'000);

std::string name_of(const Step& step) {
  const char* const names[] = {"claim",    "send",    "look for", "flush queue", "try later", "await turn",
                               "finalise", "release", "give up",  "put back",    "leave",     "over"};
  return names[step.index()];
}

// --- After a claim that was not made ---

TEST(AfterNoClaim, Table) {
  using Answer = store::ClaimAnswer;
  using domain::Effect;
  const auto met = [](Effect effect, Timestamp due_now = due) {
    return Answer(store::ActionResult{effect, {due_now - 1s, 1s}});
  };
  const Timestamp present = due + 5s;
  const std::optional<Timestamp> never;
  const struct {
    const char* name;
    bool on_request;
    Answer answer;
    const char* expected;
    std::optional<Timestamp> timer = std::nullopt;
  } cases[] = {
      {"it is gone", false, Answer(store::NotFound{}), "leave"},
      {"another instance's goes first", false, Answer(store::Behind{}), "put back"},
      {"cancelled", false, met(Effect::refuse), "leave"},
      {"sent already", false, met(Effect::already), "leave"},
      {"it is being sent", false, met(Effect::wait), "leave", present + 1s},
      {"restarted", false, met(Effect::wait, present + 8s), "leave", present + 8s},
      {"restarted, and due again", false, met(Effect::wait, due + 1s), "leave", due + 1s},
      {"it is being sent, on request", true, met(Effect::wait), "leave"},
  };
  for (const auto& [name, on_request, answer, expected, timer] : cases) {
    const Step step = after_no_claim(answer, on_request, due, present, options);
    EXPECT_EQ(name_of(step), expected) << name;
    const auto* const leave = std::get_if<Leave>(&step);
    EXPECT_EQ(leave == nullptr ? never : leave->timer, timer) << name;
  }
}

TEST(AfterNoClaim, WhoAskedForWhatHasBeenSentMeanwhileAsksAgainForItsEventId) {
  const store::ClaimAnswer sent = store::ActionResult{domain::Effect::already, {due - 1s, 1s}};
  const Step step = after_no_claim(sent, true, due, due, options);
  EXPECT_EQ(std::get<domain::Effect>(std::get<Leave>(step).answer), domain::Effect::wait);
}

// --- After a send ---

struct Tried {
  AttemptState state;
  Send send;
};
Tried at_its_time() { return {}; }
Tried on_request() {
  Tried tried;
  tried.state.on_request = true;
  return tried;
}
Tried with_device(Tried tried) {
  tried.state.has_device = true;
  return tried;
}
Tried second(Tried tried) {
  tried.send.is_second = true;
  return tried;
}
Tried may_have_arrived(Tried tried) {
  tried.send.may_have_arrived = true;
  return tried;
}
Step after(Tried tried, const SendAnswer& answer) { return after_send(tried.state, tried.send, answer, now, options); }

TEST(AfterSend, Table) {
  const SendAnswer sent = Sent{domain::EventId("$e")};
  const SendAnswer forbidden = refused(403, "M_FORBIDDEN");
  SendAnswer perhaps_at_a_stop = forbidden;
  std::get<homeserver::Refused>(perhaps_at_a_stop).may_be_stopping = true;
  const SendAnswer limited = refused(429, "M_LIMIT_EXCEEDED");
  const SendAnswer unknown_device = refused(400, "M_UNKNOWN_DEVICE");
  Tried without_device = with_device(at_its_time());
  without_device.send.with_device = false;
  const struct {
    const char* name;
    Tried tried;
    SendAnswer answer;
    const char* expected;
  } cases[] = {
      {"sent at its time", at_its_time(), sent, "finalise"},
      {"sent on request", on_request(), sent, "finalise"},
      {"sent once more", may_have_arrived(at_its_time()), sent, "finalise"},

      {"refused at its time: failed", at_its_time(), forbidden, "finalise"},
      {"limited at its time: failed", at_its_time(), limited, "finalise"},
      {"refused on request: stays scheduled", on_request(), forbidden, "release"},
      {"limited on request: stays scheduled", on_request(), limited, "release"},

      {"refused, perhaps at a stop: once more", at_its_time(), perhaps_at_a_stop, "send"},
      {"the same on request", on_request(), perhaps_at_a_stop, "send"},
      {"refused twice: failed", second(at_its_time()), perhaps_at_a_stop, "finalise"},
      {"refused twice on request: stays scheduled", second(on_request()), perhaps_at_a_stop, "release"},
      {"refused on request, but an earlier one may have arrived: failed", may_have_arrived(on_request()), forbidden,
       "finalise"},

      {"its device is gone", with_device(at_its_time()), unknown_device, "send"},
      {"its device is gone, on request", with_device(on_request()), unknown_device, "send"},
      {"it was left out already", without_device, unknown_device, "finalise"},
      {"a device was not even named", at_its_time(), unknown_device, "finalise"},
      {"a device was not even named, on request", on_request(), unknown_device, "release"},

      {"not arrived: may be restarted", at_its_time(), connection_refused(), "release"},
      {"not arrived, on request", on_request(), connection_refused(), "release"},
      {"not arrived, but an earlier one may have", may_have_arrived(at_its_time()), connection_refused(), "try later"},
      {"the same on request", may_have_arrived(on_request()), connection_refused(), "try later"},

      {"unclear", at_its_time(), timed_out(), "try later"},
      {"unclear on request", on_request(), timed_out(), "try later"},
      {"unclear once more", may_have_arrived(at_its_time()), timed_out(), "try later"},
  };
  for (const auto& [name, tried, answer, expected] : cases) EXPECT_EQ(name_of(after(tried, answer)), expected) << name;
}

TEST(AfterSend, WithoutItsDeviceItIsSentAtOnce) {
  const auto again = std::get<Send>(after(with_device(at_its_time()), refused(400, "M_UNKNOWN_DEVICE")));
  EXPECT_FALSE(again.with_device);
  EXPECT_FALSE(again.prepare);
  EXPECT_EQ(again.pause, 0ms);
}

TEST(AfterSend, ASecondTimeItIsPreparedAndCountedNoMore) {
  auto answer = refused(403, "M_FORBIDDEN");
  std::get<homeserver::Refused>(answer).may_be_stopping = true;
  Tried tried = may_have_arrived(at_its_time());
  tried.send.is_counted = true;
  const auto again = std::get<Send>(after(tried, answer));
  EXPECT_TRUE(again.is_second);
  EXPECT_TRUE(again.prepare);
  EXPECT_TRUE(again.may_have_arrived);
  EXPECT_FALSE(again.is_counted);
  EXPECT_EQ(again.pause, 1s);
}

TEST(AfterSend, AFailureKeepsTheHomeserversError) {
  const auto finalise = std::get<Finalise>(after(at_its_time(), refused(403, "M_FORBIDDEN")));
  EXPECT_EQ(std::get<domain::HomeserverError>(finalise.outcome).status, 403);
}

TEST(AfterSend, WhoAskedHearsWhyItWasNotSent) {
  const auto refusal = std::get<Release>(after(on_request(), refused(403, "M_FORBIDDEN")));
  EXPECT_EQ(std::get<domain::HomeserverError>(refusal.answer).status, 403);
  const auto outage = std::get<Release>(after(on_request(), connection_refused()));
  EXPECT_TRUE(std::holds_alternative<NotSent>(outage.answer));
}

// --- After a look ---

// An attempt whose only send had no clear answer at `now`.
AttemptState unclear(bool may_be_queued = false) {
  AttemptState state;
  state.note_unclear(now, options, may_be_queued);
  return state;
}
AttemptState unclear_on_request() {
  AttemptState state = unclear();
  state.on_request = true;
  return state;
}
AttemptState flushed(AttemptState state, homeserver::Flush flush) {
  after_flush(state, flush, now + options.queue_time, options);
  return state;
}

TEST(AfterLook, Table) {
  const Found found = domain::EventId("$e");
  const Found absent = NotThere{};
  const Found queued = NotThere{true, false};
  const Found twins = NotThere{false, true};
  const Found may_not = homeserver::MayNotLook{};
  const Found cannot = homeserver::CannotTell{"timeout"};
  const Found no_store = store::Unavailable{"full"};
  constexpr Look again{};
  constexpr Look aside{.is_aside = true};
  constexpr Look in_grace{.is_in_grace = true};
  constexpr Look exchanged{.is_aside = true, .is_in_grace = true, .has_exchanged = true};
  constexpr Look hopeless{.is_hopeless = true};
  const struct {
    const char* name;
    AttemptState state;
    Milliseconds after;  // the look begins, and ends at once
    Look look;
    Found found;
    const char* expected;
  } cases[] = {
      {"it is there", unclear(), 0s, again, found, "finalise"},
      {"it is there, at last", unclear(), 25h, hopeless, found, "finalise"},

      {"absent, but it may be on its way", unclear(), 5s - 1ms, again, absent, "try later"},
      {"absent: sent again", unclear(), 5s, again, absent, "send"},
      {"absent, and set aside: may be restarted", unclear(), 5s, aside, absent, "release"},
      {"absent, in the grace: may be restarted", unclear(), 5s, in_grace, absent, "release"},
      {"one that has exchanged transactions would forget it", unclear(), 5s, exchanged, absent, "send"},
      {"who asked for it would have to ask again", unclear_on_request(), 5s, aside, absent, "send"},
      {"nor is it released in the grace", unclear_on_request(), 5s, in_grace, absent, "send"},
      {"absent, and no hope", unclear(), 5s, hopeless, absent, "give up"},
      {"no hope, but it may be on its way", unclear(), 1s, hopeless, absent, "try later"},

      {"it may be queued", unclear(), 5s, again, queued, "try later"},
      {"the queue has had its time", unclear(), 330s, again, queued, "flush queue"},
      {"a stalled homeserver's too", unclear(true), 329s, again, absent, "try later"},
      {"and is flushed", unclear(true), 330s, again, absent, "flush queue"},
      {"beside twins it is not known", unclear(), 5s, again, twins, "try later"},
      {"until the queue is flushed", unclear(), 330s, again, twins, "flush queue"},
      {"what was flushed shows late", flushed(unclear(true), homeserver::Flush::done), 449s, again, absent,
       "try later"},
      {"and then is not there", flushed(unclear(true), homeserver::Flush::done), 450s, again, absent, "send"},
      {"what is shown proves it", flushed(unclear(true), homeserver::Flush::shown), 331s, again, absent, "send"},
      {"a queue stands still", flushed(unclear(true), homeserver::Flush::not_done), 331s, again, absent, "flush queue"},

      {"its owner may not look: it is refused", unclear(), 5s, again, may_not, "send"},
      {"not before it is quiet", unclear(), 1s, again, may_not, "try later"},
      {"no hope", unclear(), 5s, hopeless, may_not, "give up"},

      {"the homeserver cannot tell", unclear(), 1h, again, cannot, "try later"},
      {"no hope that it will", unclear(), 1h, hopeless, cannot, "give up"},
      {"the store cannot tell whose it is", unclear(), 1h, hopeless, no_store, "try later"},

      {"of nothing is known when it was sent", AttemptState{}, 24h, again, absent, "try later"},
  };
  for (auto [name, state, after, look, shown, expected] : cases) {
    look.begin = now + after;
    EXPECT_EQ(name_of(after_look(state, look, shown, look.begin, options)), expected) << name;
  }
}

TEST(AfterLook, WhatAStalledHomeserverWasSentHasItsTimeOnceItGoesOn) {
  for (const Found& nothing : {Found(NotThere{}), Found(homeserver::MayNotLook{})}) {
    AttemptState state = unclear();
    const async::Steady answered = now + 14s;
    EXPECT_EQ(name_of(after_look(state, Look{.begin = now + 10s}, nothing, answered, options)), "try later");
    const async::Steady soon = answered + 1s;
    EXPECT_EQ(name_of(after_look(state, Look{.begin = soon}, nothing, soon, options)), "try later");
    // A homeserver that is always slow is not waited for again.
    const async::Steady later = answered + options.quiet_time;
    EXPECT_EQ(name_of(after_look(state, Look{.begin = later}, nothing, later + 4s, options)), "send");
  }
}

TEST(AfterLook, WhatWasOnItsWayWhenItBeganIsNotKnown) {
  AttemptState state = unclear();
  const Look early{.begin = now + 4s};
  EXPECT_EQ(name_of(after_look(state, early, NotThere{}, now + 1min, options)), "try later");
}

TEST(AfterLook, AHomeserverThatIsBackHasTimeToGoOn) {
  AttemptState state = unclear();
  Look look{.begin = now + 1h, .outage_end = now + 1h - 4s};
  EXPECT_EQ(name_of(after_look(state, look, NotThere{}, look.begin, options)), "try later");
  look.outage_end = now + 1h - 5s;
  EXPECT_EQ(name_of(after_look(state, look, NotThere{}, look.begin, options)), "send");
}

TEST(AfterLook, TheQueueHasItsTimeSinceTheHomeserverLastGaveNoAnswer) {
  AttemptState state = unclear(true);
  Look look{.begin = now + 300s};
  after_look(state, look, homeserver::CannotTell{"timeout"}, look.begin, options);
  look.begin = now + 340s;
  EXPECT_EQ(name_of(after_look(state, look, NotThere{}, look.begin, options)), "try later");
  look.begin = now + 630s;
  EXPECT_EQ(name_of(after_look(state, look, NotThere{}, look.begin, options)), "flush queue");
}

TEST(AfterLook, ItIsKnownWhetherAnEarlierSendMayHaveArrived) {
  const Look look{.begin = now + 5s};
  AttemptState state = unclear();
  EXPECT_FALSE(std::get<Send>(after_look(state, look, NotThere{}, look.begin, options)).may_have_arrived);
  const Found may_not = homeserver::MayNotLook{};
  EXPECT_TRUE(std::get<Send>(after_look(state, look, may_not, look.begin, options)).may_have_arrived);
}

// --- What follows a release ---

TEST(Release, WhatHasNotArrivedIsTriedAgainUnlessSomebodyElseDecidesWhen) {
  const auto after_absence = [](const Look& at) {
    AttemptState state = unclear();
    Look look = at;
    look.begin = now + 5s;
    return after_look(state, look, NotThere{}, look.begin, options);
  };
  const struct {
    const char* name;
    Step step;
    bool expected;
  } cases[] = {
      {"a send did not arrive", after(at_its_time(), connection_refused()), true},
      {"who asked for it asks again", after(on_request(), connection_refused()), false},
      {"or does not, when it is refused", after(on_request(), refused(403, "M_FORBIDDEN")), false},
      {"set aside", after_absence({.is_aside = true}), true},
      {"its client has time to restart it", after_absence({.is_in_grace = true}), false},
      {"set aside, a new grace does not matter", after_absence({.is_aside = true, .is_in_grace = true}), true},
  };
  for (const auto& [name, step, expected] : cases) {
    const auto* const release = std::get_if<Release>(&step);
    ASSERT_NE(release, nullptr) << name;
    EXPECT_EQ(release->is_tried_again, expected) << name;
  }
}

// --- What is sent ---

TEST(AttemptOf, CarriesWhatTheEventWasClaimedWith) {
  domain::DelayedEvent event;
  event.event = std::make_shared<const domain::EventToSend>();
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
  domain::EventToSend to_send;
  to_send.origin_server_ts = wall_from_ms(7);
  event.event = std::make_shared<const domain::EventToSend>(to_send);
  for (const bool requested : {false, true}) {
    event.attempt = domain::Attempt{wall_from_ms(1234), requested};
    EXPECT_EQ(attempt_of(event).origin_server_ts, wall_from_ms(7));
  }
}

}  // namespace
}  // namespace afterword::delivery
