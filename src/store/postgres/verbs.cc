#include "store/postgres/verbs.h"

#include <optional>

namespace afterword::store::postgres {
namespace {

ActionResult met(const domain::Decision& decision) { return {decision.effect, decision.after.timing}; }

// How an event stands that is not active: nothing if there is none of the caller's.
std::optional<domain::Standing> standing_of(const Summary* finalised, const std::optional<UserId>& caller) {
  if (finalised == nullptr || !domain::may_act(caller, finalised->user_id.value)) return std::nullopt;
  return domain::Standing{finalised->state, finalised->timing};
}

}  // namespace

domain::Standing ActiveRow::standing() const {
  return {finalised ? domain::state_of(finalised->outcome) : state, timing};
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
  if (row == nullptr || !domain::may_act(caller_, row->user_id.value)) return answer(NotFound{});
  const auto decision = domain::decide_restart(row->standing(), now_);
  if (decision.performs()) {
    row->timing = decision.after.timing;
    row->changed = true;
  }
  answer(met(decision));
}

void Restart::not_active(const Summary* finalised) {
  const auto found = standing_of(finalised, caller_);
  if (found) answer(met(domain::decide_restart(*found, now_)));
}

void Cancel::decide(ActiveRow* row, const Deciding&) {
  if (row == nullptr || !domain::may_act(caller_, row->user_id.value)) return answer(NotFound{});
  const auto decision = domain::decide_cancel(row->standing());
  if (decision.performs()) row->finalised = domain::Finalised{now_, domain::Cancelled{}};
  answer(met(decision));
}

void Cancel::not_active(const Summary* finalised) {
  const auto found = standing_of(finalised, caller_);
  if (found) answer(met(domain::decide_cancel(*found)));
}

void CancelAll::decide(std::unordered_map<DelayId, ActiveRow>& rows) {
  std::uint64_t cancelled = 0;
  for (auto& [delay_id, row] : rows) {
    if (row.user_id != user_id_ || !domain::decide_cancel(row.standing()).performs()) continue;
    row.finalised = domain::Finalised{now_, domain::Cancelled{}};
    ++cancelled;
  }
  answer(cancelled);
}

void Claim::decide(ActiveRow* row, const Deciding& deciding) {
  claimed_ = false;
  if (row == nullptr || !domain::may_act(caller_, row->user_id.value)) return answer(NotFound{});
  const auto decision = domain::decide_claim(row->standing(), attempt_, now_);
  if (!decision.performs()) return answer(met(decision));
  if (by_time() && row->behind) return answer(Behind{});
  if (!deciding.lease_valid) return fail("the lease of this instance has run out");
  row->state = decision.after.state;
  row->attempt = attempt_;
  row->sender = deciding.instance;
  // One that sends on request leaves the timer where it is: it is needed again if the homeserver refuses.
  if (by_time()) row->owner = deciding.instance;
  row->changed = true;
  claimed_ = true;
  claimed_by_ = deciding.instance;
}

void Claim::not_active(const Summary* finalised) {
  const auto found = standing_of(finalised, caller_);
  if (found) answer(met(domain::decide_claim(*found, attempt_, now_)));
}

void Release::decide(ActiveRow* row, const Deciding& deciding) {
  answer();
  if (row == nullptr) return;
  const auto decision = domain::decide_release(row->standing(), row->sender == deciding.instance);
  if (!decision.performs()) return;
  row->state = decision.after.state;
  row->sender = nobody;
  row->attempt.reset();
  row->changed = true;
}

void Finalise::decide(ActiveRow* row, const Deciding& deciding) {
  answer();
  if (row == nullptr) return;
  const bool is_sender = row->sender == deciding.instance;
  if (domain::decide_finalise(row->standing(), is_sender, finalised_.outcome).performs()) row->finalised = finalised_;
}

}  // namespace afterword::store::postgres
