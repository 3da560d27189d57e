#include "store/known_senders.h"

#include "async/testing/manual_clock.h"
#include "store/testing/memory_store.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace afterword::store {
namespace {

using namespace std::chrono_literals;

const UserId alice("@alice:example.org");
const UserId bob("@bob:example.org");

class Counting final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Task<StoreResult<std::vector<SentEvent>>> list_sent(UserId user_id, std::uint32_t limit) override {
    ++asked;
    if (meanwhile) meanwhile();
    co_return co_await ForwardingStore::list_sent(std::move(user_id), limit);
  }
  int asked = 0;
  std::function<void()> meanwhile;
};

class KnownSendersTest : public ::testing::Test {
 protected:
  ~KnownSendersTest() override { clock_.run(senders_.close()); }

  bool has_sent(const UserId& user_id) { return *clock_.run(senders_.has_sent(user_id)); }
  DelayId schedule(const UserId& user_id) {
    domain::NewDelayedEvent event;
    event.delay_id = DelayId::random();
    event.event.user_id = user_id;
    event.event.content = "{}";
    event.timing = {clock_.now(), 1ms};
    return std::get<Scheduled>(*clock_.run(store_.schedule(event, std::nullopt))).delay_id;
  }
  void claim(Store& store, DelayId delay_id) {
    const domain::Attempt attempt{WallTime(), true};
    EXPECT_TRUE(std::holds_alternative<domain::DelayedEvent>(
        *clock_.run(store.claim(delay_id, std::nullopt, attempt, clock_.now()))));
  }
  void send_elsewhere(const UserId& user_id) {
    const DelayId delay_id = schedule(user_id);
    claim(store_, delay_id);
    EXPECT_TRUE(clock_.run(store_.finalise(delay_id, {clock_.now(), domain::EventId("$" + delay_id.to_string())})));
  }

  async::testing::ManualClock clock_;
  testing::MemoryDatabase database_{[this] { return clock_.now(); }};
  testing::MemoryStore memory_{database_};
  Counting store_{memory_};
  KnownSenders senders_{clock_, store_, {.sent_time = 1h, .not_sent_time = 5s, .max_users = 2}};
};

TEST_F(KnownSendersTest, AreAskedAboutOnce) {
  send_elsewhere(alice);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(has_sent(alice));
    EXPECT_FALSE(has_sent(bob));
  }
  EXPECT_EQ(store_.asked, 2);
  EXPECT_TRUE(senders_.is_known_to_have_sent(alice));
  EXPECT_FALSE(senders_.is_known_to_have_sent(bob));
}

TEST_F(KnownSendersTest, AreKnownAtOnceWhereTheEventIsSentHere) {
  EXPECT_FALSE(has_sent(alice));
  claim(senders_, schedule(alice));
  EXPECT_TRUE(senders_.is_known_to_have_sent(alice));
  EXPECT_TRUE(has_sent(alice));
  EXPECT_EQ(store_.asked, 1);
}

TEST_F(KnownSendersTest, AreKnownAtOnceWhereAnEarlierAttemptIsGoneOnWith) {
  EXPECT_FALSE(has_sent(alice));
  const DelayId delay_id = schedule(alice);
  EXPECT_TRUE(*clock_.run(senders_.look_up(delay_id, std::nullopt)));
  EXPECT_FALSE(has_sent(alice));
  claim(store_, delay_id);
  EXPECT_TRUE(*clock_.run(senders_.look_up(delay_id, std::nullopt)));
  EXPECT_TRUE(has_sent(alice));
}

TEST_F(KnownSendersTest, AreAskedAboutAgainAfterAWhile) {
  EXPECT_FALSE(has_sent(alice));
  send_elsewhere(alice);
  EXPECT_FALSE(has_sent(alice));
  clock_.advance(5s);
  EXPECT_TRUE(has_sent(alice));
  EXPECT_EQ(*clock_.run(store_.prune({0ms, 0}, clock_.now() + 1h)), false);
  clock_.advance(1h - 1ms);
  EXPECT_TRUE(has_sent(alice));
  clock_.advance(1ms);
  EXPECT_FALSE(has_sent(alice));
}

TEST_F(KnownSendersTest, AClaimCountsAlsoIfItComesWhileTheStoreIsAsked) {
  const DelayId delay_id = schedule(alice);
  store_.meanwhile = [&] { claim(senders_, delay_id); };
  EXPECT_TRUE(has_sent(alice));
  EXPECT_TRUE(senders_.is_known_to_have_sent(alice));
}

TEST_F(KnownSendersTest, AreNoMoreThanTheLimit) {
  for (const char* name : {"@a:example.org", "@b:example.org", "@c:example.org", "@a:example.org"}) {
    EXPECT_FALSE(has_sent(UserId(name)));
  }
  EXPECT_EQ(store_.asked, 4);
}

}  // namespace
}  // namespace afterword::store
