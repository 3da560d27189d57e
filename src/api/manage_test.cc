#include "api/manage.h"

#include "base/json.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace afterword::api {
namespace {

using domain::Action;
using domain::Effect;
using domain::State;

// docs/protocol.md section 2, one row a rule: what an action on an event in a state is answered, on each form of route.
struct Rule {
  State state;
  Action action;
  Effect effect;
  int stable_status;
  const char* stable_errcode;
  int unstable_status;
  const char* unstable_errcode;
};

const std::vector<Rule> rules = {
    {State::scheduled, Action::send, Effect::perform, 200, "", 200, ""},
    {State::scheduled, Action::cancel, Effect::perform, 200, "", 200, ""},
    {State::scheduled, Action::restart, Effect::perform, 200, "", 200, ""},
    // Sending: the action waits; these are the answers when no outcome comes in time.
    {State::sending, Action::send, Effect::wait, 504, "M_UNKNOWN", 504, "M_UNKNOWN"},
    {State::sending, Action::cancel, Effect::wait, 504, "M_UNKNOWN", 504, "M_UNKNOWN"},
    {State::sending, Action::restart, Effect::wait, 504, "M_UNKNOWN", 504, "M_UNKNOWN"},
    {State::sent, Action::send, Effect::already, 200, "", 200, ""},
    {State::sent, Action::cancel, Effect::refuse, 409, "M_UNKNOWN", 404, "M_NOT_FOUND"},
    {State::sent, Action::restart, Effect::refuse, 409, "M_UNKNOWN", 404, "M_NOT_FOUND"},
    {State::failed, Action::send, Effect::refuse, 409, "M_UNKNOWN", 404, "M_NOT_FOUND"},
    {State::failed, Action::cancel, Effect::already, 200, "", 200, ""},
    {State::failed, Action::restart, Effect::refuse, 409, "M_UNKNOWN", 404, "M_NOT_FOUND"},
    {State::cancelled, Action::send, Effect::refuse, 409, "M_UNKNOWN", 404, "M_NOT_FOUND"},
    {State::cancelled, Action::cancel, Effect::already, 200, "", 200, ""},
    {State::cancelled, Action::restart, Effect::refuse, 409, "M_UNKNOWN", 404, "M_NOT_FOUND"},
};

std::string errcode_of(const http::Response& response) {
  return string_member(*parse_json_object(response.body), "errcode").value_or("");
}

TEST(Manage, AnswersEveryActionInEveryStateAndForm) {
  EXPECT_EQ(rules.size(), 15u);
  for (const Rule& rule : rules) {
    SCOPED_TRACE("state " + std::to_string(static_cast<int>(rule.state)) + ", action " +
                 std::to_string(static_cast<int>(rule.action)));
    const Effect effect = domain::effect_of(rule.action, rule.state);
    EXPECT_EQ(effect, rule.effect);
    const http::Response stable = answer(effect, WireForm::stable);
    EXPECT_EQ(stable.status, rule.stable_status);
    EXPECT_EQ(errcode_of(stable), rule.stable_errcode);
    const http::Response unstable = answer(effect, WireForm::unstable);
    EXPECT_EQ(unstable.status, rule.unstable_status);
    EXPECT_EQ(errcode_of(unstable), rule.unstable_errcode);
  }
}

TEST(ActionInTheBody, IsRead) {
  EXPECT_EQ(*read_action_body(R"({"action": "restart"})"), Action::restart);
  EXPECT_EQ(*read_action_body(R"({"action": "cancel", "more": 1})"), Action::cancel);
}

TEST(ActionInTheBody, TellsWhatIsWrong) {
  const auto errcode = [](const char* body) { return read_action_body(body).error().errcode; };
  EXPECT_EQ(errcode(""), "M_NOT_JSON");
  EXPECT_EQ(errcode("[]"), "M_BAD_JSON");
  EXPECT_EQ(errcode("{}"), "M_MISSING_PARAM");
  EXPECT_EQ(errcode(R"({"action": "explode"})"), "M_INVALID_PARAM");
  EXPECT_EQ(errcode(R"({"action": 1})"), "M_INVALID_PARAM");
}

}  // namespace
}  // namespace afterword::api
