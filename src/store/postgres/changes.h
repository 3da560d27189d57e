// Commits batches of the verbs that change events, each in one transaction, on a connection of its own; tries again
// what was in conflict with another instance, and settles what a lost connection left in doubt before anything else.
//
// Thread: the committing one.
#pragma once

#include "store/commit_log.h"
#include "store/postgres/in_doubt.h"
#include "store/postgres/lease.h"
#include "store/postgres/session.h"
#include "store/postgres/verbs.h"

#include <span>

namespace afterword::store::postgres {

class Changes {
 public:
  Changes(Target target, const Lease& lease);

  // Answers all or fails all.
  void commit(std::span<Operation* const> operations);

 private:
  void commit(std::span<Operation* const> operations, const Change::Batch& batch);

  Session session_;
  const Lease& lease_;
  Doubts doubts_;
  CommitLog commit_log_;
  bool closed_ = false;
};

}  // namespace afterword::store::postgres
