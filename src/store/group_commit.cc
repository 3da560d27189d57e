#include "store/group_commit.h"

#include "base/end_process.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace afterword::store {
namespace {

// How often to look again for operations that are about to arrive, while they still do.
constexpr int max_gathering_rounds = 8;

// For how many commits it is known what was under way: a fraction of a second under load.
constexpr std::uint64_t period = 256;

}  // namespace

GroupCommit::Batch::~Batch() {
  for (Operation* operation : operations_) {
    // Destroying the handler ends the task, in whose frame the operation lives: take it out first.
    if (operation != nullptr) std::exchange(operation->waiting_, std::nullopt);
  }
}

void GroupCommit::Batch::complete() {
  for (Operation*& entry : operations_) {
    Operation* operation = std::exchange(entry, nullptr);
    if (operation == nullptr) continue;  // it was answered before
    auto waiting = std::move(*operation->waiting_);
    operation->waiting_.reset();
    std::move(waiting)();  // the operation may be gone when this returns
  }
}

GroupCommit::Batch GroupCommit::Batch::split_off(Operation& operation) {
  *std::find(operations_.begin(), operations_.end(), &operation) = nullptr;
  return Batch({&operation});
}

GroupCommit::GroupCommit(async::Executor executor, CommitOn commit_on, Commit commit, std::size_t max_batch)
    : executor_(std::move(executor)),
      commit_on_(commit_on),
      commit_(std::move(commit)),
      max_batch_(max_batch),
      under_way_before_(2 * max_batch) {
  if (commit_on_ == CommitOn::own_thread) thread_ = std::thread([this] { run_thread(); });
}

GroupCommit::~GroupCommit() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  if (thread_.joinable()) thread_.join();
  const Batch dropped(std::move(waiting_));
}

async::Task<void> GroupCommit::submit(Operation& operation) {
  auto begin = [this, &operation](Operation::Waiting waiting) {
    operation.waiting_.emplace(std::move(waiting));
    enqueue(operation);
  };
  return async::asio::async_initiate<const async::asio::use_awaitable_t<async::Executor>, void()>(
      std::move(begin), async::asio::use_awaitable);
}

void GroupCommit::enqueue(Operation& operation) {
  std::unique_lock lock(mutex_);
  waiting_.push_back(&operation);
  if (busy_) return;  // what waits is looked at when that is done
  if (commit_on_ == CommitOn::own_thread && is_enough()) return hand_over(std::move(lock));
  lock.unlock();
  if (!std::exchange(gathering_, true)) post_gather(1, 0);
}

// Call with mutex_ held.
bool GroupCommit::is_enough() const {
  return 2 * waiting_.size() >= std::min(std::max(under_way_, under_way_before_), 2 * max_batch_);
}

void GroupCommit::hand_over(std::unique_lock<std::mutex> lock) {
  busy_ = true;
  lock.unlock();
  arrived_.notify_one();
}

// Call with mutex_ held.
GroupCommit::Batch GroupCommit::take_batch() {
  const auto size = std::min(waiting_.size(), max_batch_);
  const auto rest = waiting_.begin() + static_cast<std::ptrdiff_t>(size);
  std::vector<Operation*> operations(waiting_.begin(), rest);
  waiting_.erase(waiting_.begin(), rest);
  return Batch(std::move(operations));
}

// If it throws, nobody knows whether the batch was committed.
void GroupCommit::run_thread() noexcept {
  try {
    commit_batches();
  } catch (...) {
    end_process("committing to the database", std::current_exception());
  }
}

void GroupCommit::commit_batches() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [this] { return stopping_ || busy_; });
    if (stopping_) return;
    Batch batch = take_batch();
    lock.unlock();
    commit(batch);
    lock.lock();
    learn(batch.operations().size());
    busy_ = !waiting_.empty() && is_enough();
    lock.unlock();
    async::asio::post(executor_, [this, alive = std::weak_ptr(alive_), batch = std::move(batch)]() mutable {
      batch.complete();
      if (!alive.expired()) gather_what_waits();
    });
    lock.lock();
  }
}

// Call with mutex_ held.
void GroupCommit::learn(std::size_t committed) {
  if (++commits_ % period == 0) under_way_before_ = std::exchange(under_way_, 0);
  under_way_ = std::max(under_way_, committed + waiting_.size());
}

void GroupCommit::commit(Batch& batch) {
  committing_ = &batch;
  const auto begin = std::chrono::steady_clock::now();
  commit_(batch.operations());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  committing_ = nullptr;
  const std::lock_guard lock(mutex_);
  figures_.operations.add(static_cast<double>(batch.operations().size()));
  figures_.seconds.add(took.count());
}

CommitFigures GroupCommit::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void GroupCommit::complete(Operation& operation) {
  async::asio::post(executor_, [alone = committing_->split_off(operation)]() mutable { alone.complete(); });
}

void GroupCommit::post_gather(std::size_t seen, int round) {
  auto look_again = [this, alive = std::weak_ptr(alive_), seen, round] {
    if (!alive.expired()) gather(seen, round);
  };
  async::asio::post(executor_, std::move(look_again));
}

void GroupCommit::gather_what_waits() {
  {
    const std::lock_guard lock(mutex_);
    if (busy_ || waiting_.empty()) return;
  }
  if (!std::exchange(gathering_, true)) post_gather(0, 0);
}

// Requests that are ready to be read arrive within a few turns of the executor: wait for them, without sleeping.
void GroupCommit::gather(std::size_t seen, int round) {
  std::unique_lock lock(mutex_);
  const auto waiting = waiting_.size();
  gathering_ = !busy_ && waiting > seen && waiting < max_batch_ && round < max_gathering_rounds;
  if (gathering_) return post_gather(waiting, round + 1);
  if (busy_ || waiting == 0) return;  // the thread has been given them
  if (commit_on_ == CommitOn::own_thread) {
    hand_over(std::move(lock));
  } else {
    lock.unlock();
    commit_on_executor();
  }
}

void GroupCommit::commit_on_executor() {
  std::unique_lock lock(mutex_);
  Batch batch = take_batch();
  gathering_ = !waiting_.empty();
  lock.unlock();
  if (gathering_) post_gather(0, 0);
  commit(batch);
  batch.complete();
}

}  // namespace afterword::store
