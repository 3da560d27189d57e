#include "main/watchdog.h"

#include "async/task_group.h"
#include "async/testing/manual_clock.h"
#include "store/testing/hindered_store.h"
#include "store/testing/memory_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace afterword {
namespace {

using namespace std::chrono_literals;

class WatchdogTest : public ::testing::Test {
 protected:
  WatchdogTest() {
    tasks_.spawn("watchdog", keep_watchdog(clock_, store_, 10s, [this] { ++said_; }));
    clock_.settle();
  }
  ~WatchdogTest() override {
    tasks_.stop();
    clock_.run(tasks_.join());
  }

  // How often it is said in this time.
  int said_in(std::chrono::milliseconds time) {
    said_ = 0;
    clock_.advance(time);
    return said_;
  }

  async::testing::ManualClock clock_;
  store::testing::MemoryDatabase database_{[this] { return clock_.now(); }};
  store::testing::HinderedStore store_{clock_, std::make_unique<store::testing::MemoryStore>(database_)};
  int said_ = 0;
  async::TaskGroup tasks_{clock_.context().get_executor()};
};

TEST_F(WatchdogTest, HearsAtOnceAndAtEachInterval) {
  EXPECT_EQ(said_, 1);
  EXPECT_EQ(said_in(60s), 6);
}

TEST_F(WatchdogTest, HearsNothingWhileTheStoreDoesNotAnswer) {
  store_.write_begins = 1h;
  EXPECT_EQ(said_in(59min), 0);
  store_.write_begins = 0s;
  EXPECT_GT(said_in(2min), 0);
}

TEST_F(WatchdogTest, HearsFromAServerWhoseStoreRefusesBecauseARestartWouldNotHelp) {
  store_.disk_is_full = true;
  EXPECT_EQ(said_in(60s), 6);
}

}  // namespace
}  // namespace afterword
