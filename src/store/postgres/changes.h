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

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

namespace afterword::store::postgres {

class Changes {
 public:
  Changes(Target target, const Lease& lease);

  // Answers all or fails all.
  void commit(std::span<Operation* const> operations);

  std::uint64_t failed_commits() const { return failed_commits_; }  // on any thread

 private:
  void commit(std::vector<Operation*> unanswered, Change::Batch& batch);

  Session session_;
  const Lease& lease_;
  Doubts doubts_;
  CommitLog commit_log_;
  bool closed_ = false;
  std::atomic<std::uint64_t> failed_commits_ = 0;
};

}  // namespace afterword::store::postgres
