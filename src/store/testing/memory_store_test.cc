#include "store/testing/memory_store.h"

#include "store/testing/contract.h"
#include "store/testing/new_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace afterword::store::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class MemoryBackend final : public Backend {
 public:
  std::unique_ptr<Store> open(async::Executor) override { return std::make_unique<MemoryStore>(database_); }

 private:
  MemoryDatabase database_{[] { return noon; }};
};

Variant variant(std::string name, bool reopen_after_every_verb) {
  return {std::move(name), [] { return std::make_unique<MemoryBackend>(); }, reopen_after_every_verb};
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(variant("Plain", false), variant("Reopened", true)),
                         name_of_variant);

class MemoryStoreInstances : public ::testing::Test {
 protected:
  DelayId schedule(MemoryStore& store, Milliseconds delay) {
    const domain::NewDelayedEvent event = new_event(alice, delay);
    runner_.run(store.schedule(event, std::nullopt)).value();
    return event.delay_id;
  }
  ClaimAnswer claim(MemoryStore& store, DelayId delay_id, Timestamp now) {
    const domain::Attempt attempt{to_wall(now, 0ms)};
    return runner_.run(store.claim(delay_id, std::nullopt, attempt, now)).value();
  }
  static std::vector<DelayId> ids_of(const std::vector<Adopted>& active) {
    std::vector<DelayId> ids;
    for (const Adopted& event : active) ids.push_back(event.delay_id);
    return ids;
  }
  domain::State state_of(DelayId delay_id) {
    return runner_.run(second_.look_up(delay_id, std::nullopt)).value()->state;
  }

  Timestamp now_ = noon;
  MemoryDatabase database_{[this] { return now_; }};
  MemoryStore first_{database_};
  MemoryStore second_{database_};
  Runner runner_;
};

TEST_F(MemoryStoreInstances, LeaveEachOthersTimersAlone) {
  const auto delay_id = schedule(first_, 10s);
  const std::vector<DelayId> ids{delay_id};
  EXPECT_THAT(runner_.run(first_.find_active(ids)).value(), SizeIs(1));
  EXPECT_THAT(runner_.run(second_.find_active(ids)).value(), IsEmpty());
  EXPECT_THAT(runner_.run(second_.adopt()).value(), IsEmpty());
}

TEST_F(MemoryStoreInstances, AdoptWhatAnInstanceThatIsGoneHad) {
  const auto delay_id = schedule(first_, 10s);
  claim(first_, delay_id, noon + 10s);
  runner_.run(first_.close());
  EXPECT_THAT(runner_.run(second_.adopt()).value(), SizeIs(1));
  EXPECT_THAT(runner_.run(second_.adopt()).value(), IsEmpty());
}

TEST_F(MemoryStoreInstances, KeepAnInstanceOutThatHasLostItsLease) {
  const auto delay_id = schedule(first_, 10s);
  claim(first_, delay_id, noon + 10s);
  EXPECT_TRUE(first_.may_send(delay_id));
  now_ += 9s;
  EXPECT_FALSE(first_.may_send(delay_id));  // in good time
  now_ += 2s;
  MemoryStore third(database_);
  EXPECT_THAT(runner_.run(third.adopt()).value(), SizeIs(1));
  const domain::Finalised finalised{noon + 11s, domain::EventId("$late")};
  runner_.run(first_.finalise(delay_id, finalised)).value();
  EXPECT_EQ(state_of(delay_id), domain::State::sending);
  runner_.run(first_.release(delay_id)).value();
  EXPECT_EQ(state_of(delay_id), domain::State::sending);
  const auto other = schedule(first_, 10s);
  const domain::Attempt attempt{to_wall(noon + 10s, 0ms), true};
  EXPECT_TRUE(runner_.run(first_.claim(other, std::nullopt, attempt, noon + 10s)).has_error());
  EXPECT_THAT(ids_of(runner_.run(third.adopt()).value()), ElementsAre(other));  // nobody had its timer
  runner_.run(third.finalise(delay_id, finalised)).value();
  EXPECT_EQ(state_of(delay_id), domain::State::sent);
}

TEST_F(MemoryStoreInstances, KeepAnOutcomeAfterTheLeaseHasRunOutUnlessOthersHaveTakenOver) {
  const auto delay_id = schedule(first_, 10s);
  claim(first_, delay_id, noon + 10s);
  now_ += 1h;
  const domain::Finalised finalised{noon + 1h, domain::EventId("$event")};
  runner_.run(first_.finalise(delay_id, finalised)).value();
  EXPECT_EQ(state_of(delay_id), domain::State::sent);
}

TEST_F(MemoryStoreInstances, LeaveTheTimerToItsOwnerWhoMayNeedItYet) {
  const auto delay_id = schedule(first_, 10s);
  const domain::Attempt attempt{to_wall(noon, 0ms), true};
  runner_.run(second_.claim(delay_id, std::nullopt, attempt, noon)).value();
  const std::vector<DelayId> ids{delay_id};
  EXPECT_EQ(runner_.run(first_.find_active(ids)).value().front().state, domain::State::sending);
  runner_.run(second_.release(delay_id)).value();
  EXPECT_EQ(runner_.run(first_.find_active(ids)).value().front().state, domain::State::scheduled);
  EXPECT_THAT(runner_.run(second_.find_active(ids)).value(), IsEmpty());
}

TEST_F(MemoryStoreInstances, LetTheEarlierEventOfARoomGoFirst) {
  const auto earlier = schedule(first_, 10s);
  const auto later = schedule(second_, 11s);
  EXPECT_TRUE(std::holds_alternative<Behind>(claim(second_, later, noon + 11s)));
  EXPECT_TRUE(std::holds_alternative<domain::DelayedEvent>(claim(first_, earlier, noon + 11s)));
  EXPECT_TRUE(std::holds_alternative<Behind>(claim(second_, later, noon + 11s)));
  // But not for ever.
  now_ += 3min;
  MemoryStore third(database_);
  EXPECT_TRUE(std::holds_alternative<domain::DelayedEvent>(claim(third, later, noon + 3min)));
}

}  // namespace
}  // namespace afterword::store::testing
