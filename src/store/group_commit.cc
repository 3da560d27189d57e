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
  drop(std::move(waiting_));
  drop(std::move(done_));
}

void GroupCommit::drop(Operations operations) {
  for (Operation* operation : operations) {
    // Destroying the handler ends the task, in whose frame the operation lives: take it out first.
    if (operation != nullptr) std::exchange(operation->waiting_, std::nullopt);
  }
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
    commit_batch(lock);
    learn(committing_.size());
    busy_ = !waiting_.empty() && is_enough();
    lock.unlock();
    hand_back(committing_);
    lock.lock();
  }
}

// Call with mutex_ held.
void GroupCommit::learn(std::size_t committed) {
  if (++commits_ % period == 0) under_way_before_ = std::exchange(under_way_, 0);
  under_way_ = std::max(under_way_, committed + waiting_.size());
}

// Takes a batch of what waits and commits it, without the lock.
void GroupCommit::commit_batch(std::unique_lock<std::mutex>& lock) {
  const auto rest = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), max_batch_));
  committing_.assign(waiting_.begin(), rest);
  waiting_.erase(waiting_.begin(), rest);
  lock.unlock();
  const auto begin = std::chrono::steady_clock::now();
  commit_(committing_);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  lock.lock();
  figures_.operations.add(static_cast<double>(committing_.size()));
  figures_.seconds.add(took.count());
}

CommitFigures GroupCommit::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void GroupCommit::complete(Operation& operation) {
  *std::find(committing_.begin(), committing_.end(), &operation) = nullptr;
  Operation* const alone = &operation;
  hand_back({&alone, 1});
}

// To the executor, which answers all that is done in one go: while it has not come to that, nothing more is posted.
void GroupCommit::hand_back(std::span<Operation* const> operations) {
  {
    const std::lock_guard lock(mutex_);
    const bool is_posted = !done_.empty();
    done_.insert(done_.end(), operations.begin(), operations.end());
    if (is_posted) return;
  }
  async::asio::post(executor_, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) answer_done();
  });
}

void GroupCommit::answer_done() {
  Operations done = std::move(spare_);
  {
    const std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  if (answer(std::move(done))) gather_what_waits();
}

// A task that goes on may destroy this: false if it has.
bool GroupCommit::answer(Operations operations) {
  const std::weak_ptr alive = alive_;
  for (Operation* operation : operations) {
    if (operation == nullptr) continue;
    auto waiting = std::move(*operation->waiting_);
    operation->waiting_.reset();
    std::move(waiting)();  // the operation may be gone when this returns
  }
  if (alive.expired()) return false;
  operations.clear();
  spare_ = std::move(operations);
  return true;
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
  commit_batch(lock);
  gathering_ = !waiting_.empty();
  lock.unlock();
  if (gathering_) post_gather(0, 0);
  answer(std::move(committing_));
}

}  // namespace afterword::store
