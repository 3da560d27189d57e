#include "domain/decisions.h"

#include "base/overloaded.h"

#include <algorithm>
#include <tuple>

namespace afterword::domain {
namespace {

Decision leave(Effect effect, const Standing& found) { return {effect, found}; }
Decision become(State state, const Standing& found) { return {Effect::perform, {state, found.timing}}; }

bool ends_attempt(const Standing& found, bool is_sender) { return found.state == State::sending && is_sender; }

}  // namespace

bool may_act(const std::optional<UserId>& caller, std::string_view owner) { return !caller || caller->value == owner; }

State state_of(const Outcome& outcome) {
  return std::visit(
      Overloaded{[](const EventId&) { return State::sent; }, [](const HomeserverError&) { return State::failed; },
                 [](const Cancelled&) { return State::cancelled; }},
      outcome);
}

Decision decide_restart(const Standing& found, Timestamp now) {
  const Effect effect = effect_of(Action::restart, found.state);
  if (effect != Effect::perform) return leave(effect, found);
  Decision decision = become(State::scheduled, found);
  decision.after.timing.delayed_since = std::max(found.timing.delayed_since, now);
  return decision;
}

Decision decide_cancel(const Standing& found) {
  const Effect effect = effect_of(Action::cancel, found.state);
  return effect == Effect::perform ? become(State::cancelled, found) : leave(effect, found);
}

Decision decide_claim(const Standing& found, const Attempt& attempt, Timestamp now) {
  const Effect effect = effect_of(Action::send, found.state);
  if (effect != Effect::perform) return leave(effect, found);
  if (!attempt.on_request && found.timing.due() > now) return leave(Effect::wait, found);
  return become(State::sending, found);
}

Decision decide_release(const Standing& found, bool is_sender) {
  return ends_attempt(found, is_sender) ? become(State::scheduled, found) : leave(Effect::refuse, found);
}

Decision decide_finalise(const Standing& found, bool is_sender, const Outcome& outcome) {
  return ends_attempt(found, is_sender) ? become(state_of(outcome), found) : leave(Effect::refuse, found);
}

bool may_adopt(State found, bool owner_has_ended, bool sender_has_ended) {
  if (found == State::sending) return sender_has_ended;
  return found == State::scheduled && owner_has_ended;
}

bool goes_before(const RoomPosition& other, const RoomPosition& later, Timestamp now) {
  return std::tie(other.due, other.delay_id) < std::tie(later.due, later.delay_id) && now < other.due + longest_hold;
}

}  // namespace afterword::domain
