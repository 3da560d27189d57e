#include "monitoring/readiness.h"

#include "async/testing/manual_clock.h"
#include "store/testing/hindered_store.h"
#include "store/testing/memory_store.h"

#include <gmock/gmock.h>

#include <memory>
#include <vector>

namespace afterword::monitoring {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Optional;
using Reason = std::optional<std::string>;

class ReadinessTest : public ::testing::Test {
 protected:
  ~ReadinessTest() override { clock_.run(readiness_.close()); }

  Reason why_not() { return clock_.run(readiness_.why_not()); }

  async::testing::ManualClock clock_;
  store::testing::MemoryDatabase database_{[this] { return clock_.now(); }};
  store::testing::HinderedStore store_{clock_, std::make_unique<store::testing::MemoryStore>(database_)};
  Readiness readiness_{clock_.context().get_executor(), clock_, store_};
};

TEST_F(ReadinessTest, LastsFromTheBeginningToTheEnd) {
  EXPECT_EQ(why_not(), Reason("it is starting"));
  readiness_.begin();
  EXPECT_EQ(why_not(), std::nullopt);
  readiness_.end();
  EXPECT_EQ(why_not(), Reason("it is stopping"));
}

TEST_F(ReadinessTest, IsOverWhileTheStoreTakesNoChanges) {
  readiness_.begin();
  store_.disk_is_full = true;
  EXPECT_THAT(why_not(), Optional(HasSubstr("the disk is full")));
  store_.disk_is_full = false;
  EXPECT_THAT(why_not(), Optional(HasSubstr("the disk is full"))) << "tried at most once a second";
  clock_.advance(1s);
  EXPECT_EQ(why_not(), std::nullopt);
}

TEST_F(ReadinessTest, WaitsForAStoreThatHangsNoLongerThanTwoSeconds) {
  readiness_.begin();
  store_.write_begins = 1h;
  const auto begin = clock_.steady_now();
  EXPECT_THAT(why_not(), Optional(HasSubstr("not answered for 2 s")));
  EXPECT_THAT(why_not(), Optional(HasSubstr("not answered for 4 s"))) << "it is the same try";
  EXPECT_EQ(clock_.steady_now() - begin, 4s);
  clock_.advance(1h);
  store_.write_begins = 0s;
  EXPECT_EQ(why_not(), std::nullopt);
}

TEST_F(ReadinessTest, ABugOfTheStoreIsNoReadiness) {
  readiness_.begin();
  store_.throws = true;
  EXPECT_THAT(why_not(), Optional(HasSubstr("a bug")));
}

}  // namespace
}  // namespace afterword::monitoring
