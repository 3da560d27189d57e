#include "store/postgres/verbs.h"

#include <algorithm>
#include <variant>

namespace afterword::store::postgres {
namespace {

using domain::Action;
using domain::Effect;
using domain::State;

bool allows(const std::optional<UserId>& caller, const UserId& owner) { return !caller || *caller == owner; }

ActionAnswer met_when_finalised(Action action, const Summary* finalised, const std::optional<UserId>& caller) {
  if (finalised == nullptr || !allows(caller, finalised->user_id)) return NotFound{};
  return Met{domain::effect_of(action, finalised->state), finalised->timing};
}

}  // namespace

State ActiveRow::state_now() const {
  if (!finalised) return state;
  if (std::holds_alternative<domain::EventId>(finalised->outcome)) return State::sent;
  if (std::holds_alternative<domain::HomeserverError>(finalised->outcome)) return State::failed;
  return State::cancelled;
}

void Schedule::join(Batch& batch) { batch.schedules.push_back(this); }
void Restart::join(Batch& batch) { batch.restarts.push_back(this); }
void Cancel::join(Batch& batch) { batch.others.push_back(this); }
void CancelAll::join(Batch& batch) { batch.cancel_alls.push_back(this); }
void Claim::join(Batch& batch) {
  batch.claims.push_back(this);
  batch.others.push_back(this);
}
void Release::join(Batch& batch) { batch.others.push_back(this); }
void Finalise::join(Batch& batch) { batch.others.push_back(this); }
void Close::join(Batch& batch) { batch.closing = true; }

void Restart::decide(ActiveRow* row, const Deciding&) {
  if (row == nullptr || !allows(caller_, row->user_id)) return answer(NotFound{});
  const auto effect = domain::effect_of(Action::restart, row->state_now());
  if (effect == Effect::perform) {
    row->timing.delayed_since = std::max(row->timing.delayed_since, now_);
    row->changed = true;
  }
  answer(Met{effect, row->timing});
}

void Restart::not_active(const Summary* finalised) { answer(met_when_finalised(Action::restart, finalised, caller_)); }

void Cancel::decide(ActiveRow* row, const Deciding&) {
  if (row == nullptr || !allows(caller_, row->user_id)) return answer(NotFound{});
  const auto effect = domain::effect_of(Action::cancel, row->state_now());
  if (effect == Effect::perform) row->finalised = domain::Finalised{now_, domain::Cancelled{}};
  answer(Met{effect, row->timing});
}

void Cancel::not_active(const Summary* finalised) { answer(met_when_finalised(Action::cancel, finalised, caller_)); }

void CancelAll::decide(std::unordered_map<DelayId, ActiveRow>& rows) {
  std::uint64_t cancelled = 0;
  for (auto& [delay_id, row] : rows) {
    if (row.user_id != user_id_ || row.state_now() != State::scheduled) continue;
    row.finalised = domain::Finalised{now_, domain::Cancelled{}};
    ++cancelled;
  }
  answer(cancelled);
}

void Claim::decide(ActiveRow* row, const Deciding& deciding) {
  claimed_ = false;
  if (row == nullptr || !allows(caller_, row->user_id)) return answer(NotFound{});
  const auto effect = domain::effect_of(Action::send, row->state_now());
  if (effect != Effect::perform) return answer(Met{effect, row->timing});
  if (by_time() && row->timing.due() > now_) return answer(Met{Effect::wait, row->timing});
  if (by_time() && row->behind) return answer(Behind{});
  if (!deciding.lease_valid) return fail("the lease of this instance has run out");
  row->state = State::sending;
  row->attempt = attempt_;
  row->sender = deciding.instance;
  // One that sends on request leaves the timer where it is: it is needed again if the homeserver refuses.
  if (by_time()) row->owner = deciding.instance;
  row->changed = true;
  claimed_ = true;
  claimed_by_ = deciding.instance;
}

void Claim::not_active(const Summary* finalised) {
  const auto met = met_when_finalised(Action::send, finalised, caller_);
  if (const auto* found = std::get_if<Met>(&met)) return answer(*found);
  answer(NotFound{});
}

void Release::decide(ActiveRow* row, const Deciding& deciding) {
  answer();
  const bool ours = row != nullptr && row->state_now() == State::sending && row->sender == deciding.instance;
  if (!ours) return;
  row->state = State::scheduled;
  row->sender = nobody;
  row->attempt.reset();
  row->changed = true;
}

void Finalise::decide(ActiveRow* row, const Deciding& deciding) {
  answer();
  const bool ours = row != nullptr && row->state_now() == State::sending && row->sender == deciding.instance;
  if (ours) row->finalised = finalised_;
}

}  // namespace afterword::store::postgres
