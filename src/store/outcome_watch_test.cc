#include "store/outcome_watch.h"

#include "async/task_group.h"
#include "async/testing/manual_clock.h"
#include "store/testing/memory_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace afterword::store {
namespace {

using namespace std::chrono_literals;

const UserId alice("@alice:example.org");
const UserId bob("@bob:example.org");

class OutcomeWatchTest : public ::testing::Test {
 protected:
  ~OutcomeWatchTest() override {
    waiting_.stop();
    clock_.run(waiting_.join());
  }

  DelayId claimed(const UserId& user_id) {
    domain::NewDelayedEvent delayed;
    delayed.delay_id = DelayId::random();
    delayed.event.user_id = user_id;
    delayed.event.content = "{}";
    delayed.timing = {clock_.now(), 1ms};
    clock_.run(watch_.schedule(delayed, std::nullopt));
    const domain::Attempt attempt{WallTime(), true};
    clock_.run(watch_.claim(delayed.delay_id, std::nullopt, attempt, clock_.now()));
    return delayed.delay_id;
  }
  void finalise(const DelayId& delay_id, Timestamp finalised_ts) {
    clock_.run(watch_.finalise(delay_id, {finalised_ts, domain::EventId("$sent")}));
  }
  void finalise_one_of(const UserId& user_id) { finalise(claimed(user_id), clock_.now()); }

  using WaiterPointer = std::shared_ptr<OutcomeWatch::Waiter>;
  WaiterPointer waiter_for(const UserId& user_id) { return std::make_shared<OutcomeWatch::Waiter>(watch_, user_id); }
  Task<void> count_news(WaiterPointer waiter) {
    co_await waiter->wait();
    ++news_;
  }

  async::testing::ManualClock clock_;
  testing::MemoryDatabase database_{[this] { return clock_.now(); }};
  testing::MemoryStore store_{database_};
  OutcomeWatch watch_{clock_.context().get_executor(), store_};
  async::TaskGroup waiting_{clock_.context().get_executor()};
  int news_ = 0;
};

TEST_F(OutcomeWatchTest, WakesThoseWhoWaitForTheUser) {
  waiting_.spawn("first", count_news(waiter_for(alice)));
  waiting_.spawn("second", count_news(waiter_for(alice)));
  waiting_.spawn("another's", count_news(waiter_for(bob)));
  clock_.settle();
  EXPECT_EQ(news_, 0);
  finalise_one_of(alice);
  clock_.settle();
  EXPECT_EQ(news_, 2);
}

TEST_F(OutcomeWatchTest, MissesNothingThatComesBeforeTheWait) {
  const WaiterPointer waiter = waiter_for(alice);
  finalise_one_of(alice);
  clock_.run(count_news(waiter));
  EXPECT_EQ(news_, 1);
  waiting_.spawn("again", count_news(waiter));
  clock_.settle();
  EXPECT_EQ(news_, 1) << "each is told once";
}

TEST_F(OutcomeWatchTest, TellsOfThoseThatAreRecordedLate) {
  std::vector<UserId> late;
  watch_.tell_late(clock_, 3s, [&](const UserId& user_id) { late.push_back(user_id); });
  const Timestamp sent = clock_.now();
  const DelayId first = claimed(alice);
  const DelayId second = claimed(bob);
  clock_.advance(3s);
  finalise(first, sent);
  EXPECT_TRUE(late.empty());
  clock_.advance(1s);
  finalise(second, sent);
  EXPECT_EQ(late, std::vector<UserId>{bob});
}

}  // namespace
}  // namespace afterword::store
