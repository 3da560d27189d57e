// One batch of verbs as one transaction, in two round trips:
//
// 1. All active rows that the batch is about are locked and read.
// 2. What each verb does is decided on the rows as they were found (verbs.h). Each kind of change is then one statement
//    over all rows that it concerns, and the transaction is committed.
//
// Instances never wait for each other in a circle, because all lock in one order: users (by hash), then active rows (by
// delay_id), then users_to_prune (by user_id). What else is written belongs to rows that are locked already. Adoption
// and pruning wait for nobody's rows.
//
// Lifecycle: made for one try of one batch. Thread: the committing one. Throws Error.
#pragma once

#include "store/postgres/connection.h"
#include "store/postgres/verbs.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace afterword::store::postgres {

class Transaction {
 public:
  Transaction(Connection& connection, InstanceId instance, const Change::Batch& batch)
      : connection_(connection), instance_(instance), batch_(batch), deciding_{instance, false} {}

  void perform() {
    read();
    decide();
    write();
    look_further();
  }

  // Whether an error that loses the connection leaves in doubt what was done.
  bool committing() const { return committing_; }

 private:
  void read();
  void decide();
  void decide_schedules();
  void write();
  void write_schedules();
  void write_finalised();
  void write_changed();
  void look_further();

  bool needs_lease() const { return !batch_.schedules.empty() || !batch_.claims.empty(); }
  ActiveRow* find(const DelayId& delay_id) {
    const auto found = rows_.find(delay_id);
    return found == rows_.end() ? nullptr : &found->second;
  }
  void note_not_active(RowChange& change) {
    if (find(change.delay_id()) == nullptr && change.asks_for_finalised()) not_active_.push_back(&change);
  }

  Connection& connection_;
  const InstanceId instance_;
  const Change::Batch& batch_;
  bool committing_ = false;

  std::unordered_map<DelayId, ActiveRow> rows_;
  Deciding deciding_;
  struct User {
    std::int64_t count = 0;
    Timestamp next = Timestamp::max();
  };
  std::unordered_map<std::string, User> users_;
  std::unordered_map<std::string, DelayId> transactions_;
  std::vector<Schedule*> created_;
  std::vector<RowChange*> not_active_;
};

}  // namespace afterword::store::postgres
