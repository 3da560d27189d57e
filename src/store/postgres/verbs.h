// The verbs that change events: what each wants of a batch, and what it decides on what the batch has found.
//
// No SQL: rows are given, decided upon by the table of the domain, and marked as changed; transaction.h reads and
// writes them. A verb may be decided more than once, when its transaction is tried again; the last answer counts.
//
// The fence: what only the owner of an attempt may do is decided on the row itself while it is locked, and, for what
// takes something into possession, with the instance's lease looked at in the same transaction.
// Thread: the committing one.
#pragma once

#include "store/answering.h"
#include "store/postgres/lease.h"
#include "store/store.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace afterword::store::postgres {

// An active event as the batch has found and changed it.
struct ActiveRow {
  UserId user_id;
  domain::Timing timing;
  domain::State state = domain::State::scheduled;
  InstanceId owner = nobody;
  InstanceId sender = nobody;
  std::optional<domain::Attempt> attempt;
  std::optional<domain::Finalised> finalised;
  bool behind = false;   // another instance's event of its room goes first
  bool changed = false;  // and not yet written

  domain::Standing standing() const;  // with `finalised`
};

// Who decides: the instance, and whether its lease is valid.
struct Deciding {
  InstanceId instance;
  bool lease_valid;
};

// A verb of a batch.
class Change : public Operation {
 public:
  struct Batch;
  virtual void join(Batch& batch) = 0;
};

class Schedule final : public Answering<Change, ScheduleAnswer> {
 public:
  Schedule(const domain::NewDelayedEvent& event, std::optional<std::uint32_t> max_scheduled)
      : event_(event), max_scheduled_(max_scheduled) {}
  void join(Batch& batch) override;

  const domain::NewDelayedEvent& event() const { return event_; }
  std::optional<std::uint32_t> max_scheduled() const { return max_scheduled_; }
  void decided(ScheduleAnswer found) { answer(found); }

 private:
  const domain::NewDelayedEvent& event_;
  std::optional<std::uint32_t> max_scheduled_;
};

// What a finalised event is known by.
struct Summary {
  UserId user_id;
  domain::State state;
  domain::Timing timing;
};

// A verb about one event.
class RowChange {
 public:
  explicit RowChange(DelayId delay_id) : delay_id_(delay_id) {}
  virtual ~RowChange() = default;
  const DelayId& delay_id() const { return delay_id_; }

  virtual void decide(ActiveRow* row, const Deciding& deciding) = 0;  // no row: it is not active
  // Whether it has to hear of an event that is not active; then decide() is followed by not_active().
  virtual bool asks_for_finalised() const { return true; }
  virtual void not_active(const Summary* finalised) = 0;

 private:
  DelayId delay_id_;
};

class Restart final : public Answering<Change, ActionAnswer>, public RowChange {
 public:
  Restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now)
      : RowChange(delay_id), caller_(std::move(caller)), now_(now) {}
  void join(Batch& batch) override;
  void decide(ActiveRow* row, const Deciding& deciding) override;
  void not_active(const Summary* finalised) override;

  const std::optional<UserId>& caller() const { return caller_; }
  Timestamp now() const { return now_; }
  // By a statement that has decided as decide() would.
  void performed(const domain::Timing& timing) { answer(ActionResult{domain::Effect::perform, timing}); }

 private:
  std::optional<UserId> caller_;
  Timestamp now_;
};

class Cancel final : public Answering<Change, ActionAnswer>, public RowChange {
 public:
  Cancel(DelayId delay_id, std::optional<UserId> caller, Timestamp now)
      : RowChange(delay_id), caller_(std::move(caller)), now_(now) {}
  void join(Batch& batch) override;
  void decide(ActiveRow* row, const Deciding& deciding) override;
  void not_active(const Summary* finalised) override;

 private:
  std::optional<UserId> caller_;
  Timestamp now_;
};

class CancelAll final : public Answering<Change, std::uint64_t> {
 public:
  CancelAll(UserId user_id, Timestamp now) : user_id_(std::move(user_id)), now_(now) {}
  void join(Batch& batch) override;

  const UserId& user_id() const { return user_id_; }
  void decide(std::unordered_map<DelayId, ActiveRow>& rows);

 private:
  UserId user_id_;
  Timestamp now_;
};

class Claim final : public Answering<Change, ClaimAnswer>, public RowChange {
 public:
  Claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt, Timestamp now)
      : RowChange(delay_id), caller_(std::move(caller)), attempt_(attempt), now_(now) {}
  void join(Batch& batch) override;
  void decide(ActiveRow* row, const Deciding& deciding) override;
  void not_active(const Summary* finalised) override;

  bool by_time() const { return !attempt_.on_request; }
  bool claimed() const { return claimed_; }
  InstanceId claimed_by() const { return claimed_by_; }
  void answer_with_event(domain::DelayedEvent event) { answer(std::move(event)); }

 private:
  std::optional<UserId> caller_;
  domain::Attempt attempt_;
  Timestamp now_;
  bool claimed_ = false;
  InstanceId claimed_by_ = nobody;
};

class Release final : public Answering<Change, void>, public RowChange {
 public:
  explicit Release(DelayId delay_id) : RowChange(delay_id) {}
  void join(Batch& batch) override;
  void decide(ActiveRow* row, const Deciding& deciding) override;
  bool asks_for_finalised() const override { return false; }
  void not_active(const Summary*) override {}
};

class Finalise final : public Answering<Change, void>, public RowChange {
 public:
  Finalise(DelayId delay_id, domain::Finalised finalised) : RowChange(delay_id), finalised_(std::move(finalised)) {}
  void join(Batch& batch) override;
  void decide(ActiveRow* row, const Deciding& deciding) override;
  bool asks_for_finalised() const override { return false; }
  void not_active(const Summary*) override {}

 private:
  domain::Finalised finalised_;
};

// Changes nothing; but what a lost connection left in doubt is settled before any batch.
class Settle final : public Answering<Change, void> {
 public:
  void join(Batch&) override { answer(); }
};

// The last one: takes no more after this batch.
class Close final : public Answering<Change, void> {
 public:
  void join(Batch& batch) override;
};

struct Change::Batch {
  std::vector<Schedule*> schedules;
  std::vector<Restart*> restarts;
  std::vector<CancelAll*> cancel_alls;
  std::vector<Claim*> claims;
  std::vector<RowChange*> others;  // claims too
  bool closing = false;

  bool restarts_alone() const { return schedules.empty() && cancel_alls.empty() && others.empty(); }
  bool empty() const { return restarts_alone() && restarts.empty(); }
};

}  // namespace afterword::store::postgres
