#include "domain/decisions.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <ostream>
#include <vector>

namespace afterword::domain {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp noon = from_ms(1'800'000'000'000);
constexpr Timing at_ten_past{noon, 10min};
constexpr WallTime sent_as{};

struct Expected {
  Effect effect;
  State after;
};
// A verb, and what it does to an event in each state, in the order of State. Written out, so that no change of a rule
// goes unnoticed.
struct Verb {
  const char* name;
  std::function<Decision(Standing)> decide;
  std::array<Expected, state_count> expected;
};
void PrintTo(const Verb& verb, std::ostream* stream) { *stream << verb.name; }

constexpr Expected performs(State after) { return {Effect::perform, after}; }
constexpr Expected waits(State found) { return {Effect::wait, found}; }
constexpr Expected has_already(State found) { return {Effect::already, found}; }
constexpr Expected refuses(State found) { return {Effect::refuse, found}; }
constexpr auto scheduled = State::scheduled;
constexpr auto sending = State::sending;
constexpr auto sent = State::sent;
constexpr auto failed = State::failed;
constexpr auto cancelled = State::cancelled;

Decision claim(const Standing& found, bool on_request, Timestamp now) {
  return decide_claim(found, Attempt{sent_as, on_request}, now);
}

class Decisions : public ::testing::TestWithParam<Verb> {};

TEST_P(Decisions, AreTheseInEachState) {
  constexpr std::array states{scheduled, sending, sent, failed, cancelled};
  for (std::size_t i = 0; i < states.size(); ++i) {
    SCOPED_TRACE(i);
    const Decision decision = GetParam().decide({states[i], at_ten_past});
    EXPECT_EQ(decision.effect, GetParam().expected[i].effect);
    EXPECT_EQ(decision.after.state, GetParam().expected[i].after);
    EXPECT_TRUE(decision.performs() || decision.after.timing == at_ten_past);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, Decisions,
    ::testing::Values(
        Verb{"Restart",
             [](Standing found) { return decide_restart(found, noon + 1min); },
             {performs(scheduled), waits(sending), refuses(sent), refuses(failed), refuses(cancelled)}},
        Verb{"Cancel",
             [](Standing found) { return decide_cancel(found); },
             {performs(cancelled), waits(sending), refuses(sent), has_already(failed), has_already(cancelled)}},
        Verb{"ClaimByTime",
             [](Standing found) { return claim(found, false, noon + 10min); },
             {performs(sending), waits(sending), has_already(sent), refuses(failed), refuses(cancelled)}},
        Verb{"ClaimBeforeItsTime",
             [](Standing found) { return claim(found, false, noon + 10min - 1ms); },
             {waits(scheduled), waits(sending), has_already(sent), refuses(failed), refuses(cancelled)}},
        Verb{"ClaimOnRequest",
             [](Standing found) { return claim(found, true, noon); },
             {performs(sending), waits(sending), has_already(sent), refuses(failed), refuses(cancelled)}},
        Verb{"Release",
             [](Standing found) { return decide_release(found, true); },
             {refuses(scheduled), performs(scheduled), refuses(sent), refuses(failed), refuses(cancelled)}},
        Verb{"ReleaseOfAnothersAttempt",
             [](Standing found) { return decide_release(found, false); },
             {refuses(scheduled), refuses(sending), refuses(sent), refuses(failed), refuses(cancelled)}},
        Verb{"FinaliseAsSent",
             [](Standing found) { return decide_finalise(found, true, EventId("$event")); },
             {refuses(scheduled), performs(sent), refuses(sent), refuses(failed), refuses(cancelled)}},
        Verb{"FinaliseAsFailed",
             [](Standing found) {
               return decide_finalise(found, true, HomeserverError{403, "{}"});
             },
             {refuses(scheduled), performs(failed), refuses(sent), refuses(failed), refuses(cancelled)}},
        Verb{"FinaliseOfAnothersAttempt",
             [](Standing found) { return decide_finalise(found, false, EventId("$event")); },
             {refuses(scheduled), refuses(sending), refuses(sent), refuses(failed), refuses(cancelled)}}),
    [](const auto& verb) { return verb.param.name; });

TEST(Decision, ARestartNeverGoesBack) {
  const Standing found{scheduled, at_ten_past};
  EXPECT_EQ(decide_restart(found, noon + 4s).after.timing.due(), noon + 10min + 4s);
  EXPECT_EQ(decide_restart(found, noon - 4s).after.timing.due(), noon + 10min);
}

TEST(Decision, OnlyTheOwnerMayActOrWhoeverKnowsTheDelayId) {
  EXPECT_TRUE(may_act(UserId("@alice:example.org"), "@alice:example.org"));
  EXPECT_TRUE(may_act(std::nullopt, "@alice:example.org"));
  EXPECT_FALSE(may_act(UserId("@bob:example.org"), "@alice:example.org"));
  EXPECT_FALSE(may_act(UserId(""), "@alice:example.org"));
}

TEST(Decision, AnOutcomeHasOneState) {
  EXPECT_EQ(state_of(EventId("$event")), sent);
  EXPECT_EQ(state_of(HomeserverError{}), failed);
  EXPECT_EQ(state_of(Cancelled{}), cancelled);
}

TEST(Decision, AnAttemptIsAdoptedFromItsSenderAndATimerFromItsOwner) {
  struct Case {
    State state;
    bool owner_has_ended, sender_has_ended, expected;
  };
  const std::vector<Case> cases{
      {scheduled, false, true, false}, {scheduled, true, true, true}, {sending, false, false, false},
      {sending, true, false, false},   {sending, false, true, true},  {sending, true, true, true},
      {sent, true, true, false},       {failed, true, true, false},   {cancelled, true, true, false},
  };
  for (const auto& [state, owner_has_ended, sender_has_ended, expected] : cases) {
    EXPECT_EQ(may_adopt(state, owner_has_ended, sender_has_ended), expected) << static_cast<int>(state);
  }
}

TEST(Decision, AnotherInstancesEventGoesBeforeALaterOneForAWhile) {
  const RoomPosition first{noon, DelayId(DelayId::Bytes{1})};
  const RoomPosition second{noon, DelayId(DelayId::Bytes{2})};
  const RoomPosition later{noon + 1s, DelayId(DelayId::Bytes{0})};
  EXPECT_TRUE(goes_before(first, second, noon));
  EXPECT_TRUE(goes_before(first, later, noon + longest_hold - 1ms));
  EXPECT_FALSE(goes_before(first, later, noon + longest_hold));
  EXPECT_FALSE(goes_before(second, first, noon));
  EXPECT_FALSE(goes_before(later, second, noon));
  EXPECT_FALSE(goes_before(first, first, noon));
}

}  // namespace
}  // namespace afterword::domain
