// Group commit: operations that arrive together, or while a commit runs, share the next one.
//
// A backend gives the function that performs a batch in one transaction; the group commit decides what is in a batch,
// where it is performed, and wakes all who wait for it with one hand-over to the executor.
//
// Each commit costs a sync and hand-overs to and fro, however many share it. So a batch waits for what is about to
// arrive, but no longer than until it is half of what has been under way lately: then its commit and the reading of the
// other half go on at once.
//
// Lifecycle: submit() as often as wanted. The executor must outlive it; operations still waiting when it is destroyed
// are dropped, and with them the tasks that wait.
// Thread: submit() on the executor; the commit function on the committing thread, one batch after the other.
#pragma once

#include "async/task.h"
#include "store/figures.h"

#include <boost/asio/use_awaitable.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace afterword::store {

// Where batches are committed. A thread of their own keeps a slow sync from stalling everything else; the executor
// itself makes a run deterministic.
enum class CommitOn : std::uint8_t { own_thread, executor };

// One step of a transaction and its answer. It lives in the frame of the task that waits for it.
class Operation {
 public:
  Operation() = default;
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Its batch was not committed: nothing of it took effect.
  virtual void fail(const std::string& reason) = 0;

 private:
  friend class GroupCommit;
  using Waiting = async::asio::async_result<async::asio::use_awaitable_t<async::Executor>, void()>::handler_type;

  std::optional<Waiting> waiting_;
};

class GroupCommit {
 public:
  // Performs and commits a batch in its order, or fails each operation of it. Must not throw.
  using Commit = std::function<void(std::span<Operation* const>)>;

  GroupCommit(async::Executor executor, CommitOn commit_on, Commit commit, std::size_t max_batch = 512);
  ~GroupCommit();

  // Goes on when the batch of the operation is committed or has failed. Not cancellable once begun: what was submitted
  // has an outcome, and the caller hears it.
  async::Task<void> submit(Operation& operation);

  // For the commit function, where a batch is no transaction: answers an operation of the present batch before the
  // rest of it is done. It may be gone afterwards.
  void complete(Operation& operation);

  CommitFigures figures() const;

 private:
  using Operations = std::vector<Operation*>;  // null: it was answered before

  void enqueue(Operation& operation);
  bool is_enough() const;
  void hand_over(std::unique_lock<std::mutex> lock);
  void run_thread() noexcept;
  void commit_batches();
  void commit_batch(std::unique_lock<std::mutex>& lock);
  void learn(std::size_t committed);
  void hand_back(std::span<Operation* const> operations);
  void answer_done();
  bool answer(Operations operations);
  static void drop(Operations operations);
  void post_gather(std::size_t seen, int round);
  void gather_what_waits();
  void gather(std::size_t seen, int round);
  void commit_on_executor();

  const async::Executor executor_;
  const CommitOn commit_on_;
  const Commit commit_;
  const std::size_t max_batch_;

  Operations committing_;  // the committing thread's: the batch

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Operations waiting_;            // guarded by mutex_
  Operations done_;               // guarded by mutex_: committed, and about to be answered
  bool busy_ = false;             // guarded by mutex_: the thread commits, or is about to
  std::size_t under_way_ = 0;     // guarded by mutex_: the most that was committed and waited at once, …
  std::size_t under_way_before_;  // guarded by mutex_: … and in the period of commits before this one
  std::uint64_t commits_ = 0;     // guarded by mutex_
  bool stopping_ = false;         // guarded by mutex_
  CommitFigures figures_;         // guarded by mutex_

  bool gathering_ = false;                                            // the executor's
  Operations spare_;                                                  // the executor's: memory for the next done_
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // what is posted may outlive this

  std::thread thread_;  // committing on a thread of its own
};

}  // namespace afterword::store
