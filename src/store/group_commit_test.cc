#include "store/group_commit.h"

#include "store/testing/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <future>
#include <numeric>
#include <optional>

namespace afterword::store {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Le;
using testing::Runner;

struct Add final : Operation {
  int number = 0;
  int sum = 0;
  bool failed = false;
  void fail(const std::string&) override { failed = true; }
};

// A backend that adds up, and notes how big each batch was.
struct Adder {
  std::vector<std::size_t> batches;
  int sum = 0;
  bool fails = false;

  void commit(std::span<Operation* const> batch) {
    batches.push_back(batch.size());
    for (Operation* operation : batch) {
      auto& add = *static_cast<Add*>(operation);
      if (fails) {
        add.fail("no");
      } else {
        add.sum = sum += add.number;
      }
    }
  }
};

async::Task<int> add(GroupCommit& commits, int number) {
  Add operation;
  operation.number = number;
  co_await commits.submit(operation);
  co_return operation.failed ? -1 : operation.sum;
}

std::vector<async::Task<int>> adds(GroupCommit& commits, int count) {
  std::vector<async::Task<int>> tasks;
  for (int i = 0; i < count; ++i) tasks.push_back(add(commits, 1));
  return tasks;
}

std::vector<int> numbers_to(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 1);
  return numbers;
}

class GroupCommitOn : public ::testing::TestWithParam<CommitOn> {
 protected:
  Runner runner_;
  Adder adder_;
  GroupCommit::Commit commit_ = [this](auto batch) { adder_.commit(batch); };
};

TEST_P(GroupCommitOn, AnswersEveryOperationInItsOrder) {
  GroupCommit commits(runner_.executor(), GetParam(), commit_);
  EXPECT_EQ(runner_.run_together(adds(commits, 100)), numbers_to(100));
  EXPECT_EQ(runner_.run(add(commits, 5)), 105);
}

TEST_P(GroupCommitOn, BoundsABatch) {
  GroupCommit commits(runner_.executor(), GetParam(), commit_, 8);
  EXPECT_EQ(runner_.run_together(adds(commits, 100)), numbers_to(100));
  EXPECT_THAT(adder_.batches, Each(Le(8u)));
}

TEST_P(GroupCommitOn, GoesOnAfterAFailure) {
  GroupCommit commits(runner_.executor(), GetParam(), commit_);
  adder_.fails = true;
  EXPECT_THAT(runner_.run_together(adds(commits, 3)), Each(-1));
  adder_.fails = false;
  EXPECT_EQ(runner_.run(add(commits, 1)), 1);
}

TEST_P(GroupCommitOn, GathersWhatArrivesTogether) {
  GroupCommit commits(runner_.executor(), GetParam(), commit_);
  runner_.run_together(adds(commits, 20));
  EXPECT_THAT(adder_.batches, ElementsAre(20u));
}

INSTANTIATE_TEST_SUITE_P(Modes, GroupCommitOn, ::testing::Values(CommitOn::own_thread, CommitOn::executor));

TEST(GroupCommit, OnAThreadSharesTheNextCommit) {
  Runner runner;
  Adder adder;
  std::promise<void> all_submitted;
  auto wait_once = [&, first = true](auto batch) mutable {
    if (std::exchange(first, false)) all_submitted.get_future().wait();
    adder.commit(batch);
  };
  GroupCommit commits(runner.executor(), CommitOn::own_thread, wait_once);

  struct Submitter {
    static async::Task<void> submit_all(GroupCommit& group, Runner& tasks, std::promise<void>& done) {
      for (int i = 0; i < 10; ++i) tasks.start(submit_one(group));
      tasks.start(finish(done));
      co_return;
    }
    static async::Task<void> submit_one(GroupCommit& group) { co_await add(group, 1); }
    static async::Task<void> finish(std::promise<void>& done) {
      done.set_value();
      co_return;
    }
  };
  runner.run(Submitter::submit_all(commits, runner, all_submitted));
  EXPECT_EQ(adder.sum, 10);
  EXPECT_LE(adder.batches.size(), 2u);  // what came first, and all that came while it was committed
}

// So that it reads the other half meanwhile.
TEST(GroupCommit, OnAThreadBeginsWithHalfOfWhatHasBeenUnderWay) {
  Runner runner;
  std::vector<std::size_t> batches;
  std::promise<void> begun;
  std::promise<void> all_submitted;
  bool waits = false;
  auto commit = [&](auto batch) {
    batches.push_back(batch.size());
    if (!std::exchange(waits, false)) return;
    begun.set_value();
    all_submitted.get_future().wait();
  };
  GroupCommit commits(runner.executor(), CommitOn::own_thread, commit);
  struct Submitter {
    static async::Task<void> submit_one(GroupCommit& group) { co_await add(group, 1); }
    // Once those before have been submitted: nothing is read while this waits.
    static async::Task<void> wait(std::promise<void>& begun) {
      EXPECT_EQ(begun.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
      co_return;
    }
    static async::Task<void> finish(std::promise<void>& done) {
      done.set_value();
      co_return;
    }
    static async::Task<void> submit_all(GroupCommit& group, Runner& tasks, std::promise<void>& begun,
                                        std::promise<void>& done, int before, int after) {
      for (int i = 0; i < before; ++i) tasks.start(submit_one(group));
      tasks.start(wait(begun));
      for (int i = 0; i < after; ++i) tasks.start(submit_one(group));
      tasks.start(finish(done));
      co_return;
    }
  };
  for (int i = 0; i < 1'000; ++i) runner.run(add(commits, 1));  // one at a time, until it has forgotten what was before

  batches.clear();
  waits = true;
  runner.run(Submitter::submit_all(commits, runner, begun, all_submitted, 1, 7));
  EXPECT_THAT(batches, ElementsAre(1u, 7u));

  batches.clear();
  begun = {};
  all_submitted = {};
  waits = true;
  runner.run(Submitter::submit_all(commits, runner, begun, all_submitted, 4, 4));
  EXPECT_THAT(batches, ElementsAre(4u, 4u));
}

TEST(GroupCommit, AnswersOneBeforeTheRestOfItsBatchWhenItIsTold) {
  Runner runner;
  std::promise<void> answered;
  std::optional<GroupCommit> commits;
  bool rest_was_waiting = false;
  auto commit = [&, first = true](std::span<Operation* const> batch) mutable {
    if (!std::exchange(first, false)) return;
    commits->complete(*batch.front());
    rest_was_waiting = answered.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  };
  commits.emplace(runner.executor(), CommitOn::own_thread, commit);
  struct Submitter {
    static async::Task<void> submit(GroupCommit& group, std::promise<void>& done) {
      co_await add(group, 1);
      done.set_value();
    }
  };
  runner.start(Submitter::submit(*commits, answered));
  runner.run_started();
  commits.reset();  // and its thread has ended
  EXPECT_TRUE(rest_was_waiting);
}

}  // namespace
}  // namespace afterword::store
