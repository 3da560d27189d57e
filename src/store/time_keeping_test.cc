#include "store/time_keeping.h"

#include "async/task_group.h"
#include "async/testing/manual_clock.h"
#include "base/testing/temporary_folder.h"
#include "store/testing/memory_store.h"
#include "store/testing/open_sqlite.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <utility>

namespace afterword::store {
namespace {

using namespace std::chrono_literals;

class TimeKeeping : public ::testing::Test {
 protected:
  TimeKeeping() { start(); }
  ~TimeKeeping() override { stop(); }

  void start() {
    const async::Executor executor = clock_.context().get_executor();
    store_ = testing::open_sqlite(executor, folder_ / "afterword.db");
    if (!clock_.run(restore_server_time(clock_, *store_))) throw std::runtime_error("the store does not know the time");
    tasks_ = std::make_unique<async::TaskGroup>(executor);
    tasks_->spawn("keeping time", save_server_time(clock_, *store_));
    clock_.settle();
  }
  // Writes nothing any more: as good as killed.
  void stop() {
    tasks_->stop();
    clock_.run(tasks_->join());
    tasks_.reset();
    clock_.run(store_->close());
    store_.reset();
  }

  afterword::testing::TemporaryFolder folder_;
  async::testing::ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<async::TaskGroup> tasks_;
};

TEST_F(TimeKeeping, IsWallTimeWhileNobodySetsTheClock) {
  clock_.advance(1234567ms);
  EXPECT_EQ(clock_.now(), from_wall(clock_.machine_time().wall, 0ms));
  stop();
  clock_.boot(1h);
  start();
  EXPECT_EQ(clock_.now(), from_wall(clock_.machine_time().wall, 0ms));
  EXPECT_EQ(clock_.wall_offset(), 0ms);
}

TEST_F(TimeKeeping, AProcessThatStartsAgainGoesOnExactlyWhateverTheWallClockDid) {
  for (const auto step : {3h, -7h}) {
    clock_.advance(12345ms);
    const Timestamp before = clock_.now();
    stop();
    clock_.step_wall(step);
    clock_.advance(42s);
    start();
    EXPECT_EQ(clock_.now(), before + 42s);
    EXPECT_EQ(clock_.to_wall(clock_.now()), clock_.machine_time().wall);
  }
}

TEST_F(TimeKeeping, TheClocksMayBeApartAcrossABoot) {
  for (const auto step : {3h, -7h}) {
    clock_.advance(12345ms);
    clock_.step_wall(step);
    clock_.advance(1s);
    const Timestamp before = clock_.now();
    stop();
    clock_.boot(10min);
    start();
    EXPECT_EQ(clock_.now(), before + 10min);
    EXPECT_EQ(clock_.to_wall(clock_.now()), clock_.machine_time().wall);
  }
}

TEST_F(TimeKeeping, AWallClockThatWasLostAtABootTakesNothingBack) {
  clock_.advance(24h + 30s);
  const Timestamp before = clock_.now();
  stop();
  clock_.boot(0ms);
  clock_.step_wall(-20h);
  start();
  EXPECT_LE(clock_.now(), before);
  EXPECT_GE(clock_.now(), before - 1min);
  EXPECT_EQ(clock_.to_wall(clock_.now()), clock_.machine_time().wall);
}

TEST_F(TimeKeeping, NorDoesItTakeBackARestart) {
  domain::NewDelayedEvent event;
  event.delay_id = DelayId::random();
  event.event.content = "{}";
  event.timing = {clock_.now(), 1h};
  ASSERT_TRUE(clock_.run(store_->schedule(event, std::nullopt)));
  clock_.advance(24h + 30s);
  ASSERT_TRUE(clock_.run(store_->restart(event.delay_id, std::nullopt, clock_.now())));
  const Timestamp restarted = clock_.now();
  clock_.advance(5s);
  stop();
  clock_.boot(0ms);
  clock_.step_wall(-20h);
  start();
  EXPECT_EQ(clock_.now(), restarted);
}

TEST_F(TimeKeeping, AMachineThatSleptIsThatMuchLater) {
  const Timestamp before = clock_.now();
  clock_.suspend(8h);
  clock_.advance(2s);
  EXPECT_EQ(clock_.now(), before + 8h + 2s);
  stop();
  start();
  EXPECT_EQ(clock_.now(), before + 8h + 2s);
  EXPECT_EQ(clock_.wall_offset(), 0ms);
}

// A database that has a clock of its own, and at first takes its time to tell it.
class SlowToTell final : public testing::MemoryStore {
 public:
  SlowToTell(testing::MemoryDatabase& database, async::Clock& clock) : MemoryStore(database), clock_(clock) {}

  Task<StoreResult<ServerTime>> save_time(MachineTime machine) override {
    co_await clock_.sleep_for(std::exchange(takes_, 1ms));
    co_return co_await MemoryStore::save_time(std::move(machine));
  }

 private:
  async::Clock& clock_;
  std::chrono::milliseconds takes_{13'000};
};

TEST(TimeKeepingOfInstances, DoesNotRunAheadByWhatTheAnswerTook) {
  async::testing::ManualClock clock;
  testing::MemoryDatabase database([&clock] { return from_wall(clock.machine_time().wall, 0ms); });
  SlowToTell store(database, clock);
  ASSERT_TRUE(clock.run(restore_server_time(clock, store)));
  EXPECT_LE(clock.now(), from_wall(clock.machine_time().wall, 0ms) + 1ms);
}

}  // namespace
}  // namespace afterword::store
