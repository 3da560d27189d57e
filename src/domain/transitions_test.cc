#include "domain/transitions.h"

#include <gtest/gtest.h>

#include <ostream>

namespace afterword::domain {
namespace {

struct Rule {
  const char* name;
  State found;
  Action action;
  Effect effect;
};
void PrintTo(const Rule& rule, std::ostream* stream) { *stream << rule.name; }

class Transitions : public ::testing::TestWithParam<Rule> {};

TEST_P(Transitions, AreWhatTheProtocolSays) {
  EXPECT_EQ(effect_of(GetParam().action, GetParam().found), GetParam().effect);
}

// docs/protocol.md section 2, in words: written out once more, so that no change of the table goes unnoticed.
INSTANTIATE_TEST_SUITE_P(
    Each, Transitions,
    ::testing::Values(Rule{"ScheduledIsSentEarly", State::scheduled, Action::send, Effect::perform},
                      Rule{"ScheduledIsCancelled", State::scheduled, Action::cancel, Effect::perform},
                      Rule{"ScheduledIsPostponed", State::scheduled, Action::restart, Effect::perform},
                      Rule{"SendWaitsForTheOutcome", State::sending, Action::send, Effect::wait},
                      Rule{"CancelWaitsForTheOutcome", State::sending, Action::cancel, Effect::wait},
                      Rule{"RestartWaitsForTheOutcome", State::sending, Action::restart, Effect::wait},
                      Rule{"SentIsSentAlready", State::sent, Action::send, Effect::already},
                      Rule{"SentCannotBeCancelled", State::sent, Action::cancel, Effect::refuse},
                      Rule{"SentCannotBePostponed", State::sent, Action::restart, Effect::refuse},
                      Rule{"FailedCannotBeSent", State::failed, Action::send, Effect::refuse},
                      Rule{"FailedNeedsNoCancelling", State::failed, Action::cancel, Effect::already},
                      Rule{"FailedCannotBePostponed", State::failed, Action::restart, Effect::refuse},
                      Rule{"CancelledCannotBeSent", State::cancelled, Action::send, Effect::refuse},
                      Rule{"CancelledIsCancelledAlready", State::cancelled, Action::cancel, Effect::already},
                      Rule{"CancelledCannotBePostponed", State::cancelled, Action::restart, Effect::refuse}),
    [](const auto& rule) { return rule.param.name; });

}  // namespace
}  // namespace afterword::domain
