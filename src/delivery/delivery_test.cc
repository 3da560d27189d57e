#include "delivery/delivery.h"

#include "async/task_group.h"
#include "async/testing/manual_clock.h"
#include "base/log.h"
#include "base/testing/temporary_folder.h"
#include "delivery/event_log.h"
#include "homeserver/testing/fake_homeserver.h"
#include "store/testing/hindered_store.h"
#include "store/testing/open_sqlite.h"
#include "store/time_keeping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace afterword::delivery {
namespace {

using namespace std::chrono_literals;
using domain::DelayId;
using domain::Effect;
using domain::RoomId;
using domain::State;
using homeserver::testing::connection_refused;
using homeserver::testing::FakeHomeserver;
using homeserver::testing::refused;
using homeserver::testing::timed_out;
using store::testing::HinderedStore;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const domain::UserId alice("@alice:example.org");
const RoomId room_a("!a:example.org");
const RoomId room_b("!b:example.org");

class DeliveryTest : public ::testing::Test {
 protected:
  DeliveryTest() { open_store(); }
  ~DeliveryTest() override {
    if (delivery_) clock_.run(delivery_->drain(0ms));
    clock_.run(store_->close());
    store_.reset();
  }

  async::Executor executor() { return clock_.context().get_executor(); }

  void open_store() {
    auto opened = store::testing::open_sqlite(executor(), folder_ / "afterword.db");
    store_ = std::make_unique<HinderedStore>(clock_, std::move(opened));
  }
  // The server stops, within this limit.
  void stop(std::chrono::milliseconds limit) {
    clock_.run(delivery_->drain(limit));
    delivery_.reset();
    clock_.run(store_->close());
    store_.reset();
    open_store();
  }

  void start(Options options = {}) {
    delivery_ = std::make_unique<Delivery>(executor(), clock_, *store_, homeserver_, options);
    ASSERT_TRUE(clock_.run(delivery_->start()));
    clock_.settle();
  }

  // Ids that compare in the order in which they were made.
  domain::NewDelayedEvent event(const RoomId& room_id, std::chrono::milliseconds delay) {
    domain::NewDelayedEvent made;
    made.delay_id = DelayId(DelayId::Bytes{++made_});
    made.event.user_id = alice;
    made.event.room_id = room_id;
    made.event.type = "m.room.message";
    made.event.content = "{}";
    made.timing = {clock_.now(), delay};
    return made;
  }
  static domain::UserId user(int number) { return domain::UserId("@user" + std::to_string(number) + ":example.org"); }
  domain::NewDelayedEvent of(const domain::UserId& owner, const RoomId& room_id, std::chrono::milliseconds delay) {
    domain::NewDelayedEvent made = event(room_id, delay);
    made.event.user_id = owner;
    return made;
  }
  DelayId schedule(const domain::NewDelayedEvent& made) {
    if (!clock_.run(store_->schedule(made, std::nullopt))) throw std::runtime_error("not scheduled");
    if (delivery_) delivery_->expect(made.delay_id, made.timing.due());
    clock_.settle();
    return made.delay_id;
  }
  Task<void> keep(domain::NewDelayedEvent made) { co_await store_->schedule(made, std::nullopt); }
  DelayId schedule(const RoomId& room_id, std::chrono::milliseconds delay) { return schedule(event(room_id, delay)); }
  DelayId schedule(std::chrono::milliseconds delay) { return schedule(room_a, delay); }

  Effect restart(DelayId delay_id) { return effect(store_->restart(delay_id, std::nullopt, clock_.now())); }
  Effect cancel(DelayId delay_id) { return effect(store_->cancel(delay_id, std::nullopt, clock_.now())); }
  Effect effect(store::Task<store::StoreResult<store::ActionAnswer>> verb) {
    const auto answer = clock_.run(std::move(verb));
    return std::get<store::ActionResult>(*answer).effect;
  }
  // The event is being sent, and nobody here knows.
  void claim(DelayId delay_id, domain::Attempt attempt) {
    ASSERT_TRUE(clock_.run(store_->claim(delay_id, std::nullopt, attempt, clock_.now())));
  }

  SendNowAnswer send_now(DelayId delay_id, std::optional<domain::UserId> caller = std::nullopt) {
    return clock_.run(delivery_->send_now(delay_id, std::move(caller)));
  }
  Task<void> send_now_into(DelayId delay_id, std::optional<SendNowAnswer>& answer) {
    answer = co_await delivery_->send_now(delay_id, std::nullopt);
  }
  Task<void> settled_then_count(DelayId delay_id, int& count) {
    co_await delivery_->settled(delay_id, clock_.steady_now() + 30s);
    ++count;
  }

  domain::DelayedEvent look_up(DelayId delay_id) { return **clock_.run(store_->look_up(delay_id, std::nullopt)); }
  State state(DelayId delay_id) { return look_up(delay_id).state; }
  int failed_with(DelayId delay_id) {
    const auto found = look_up(delay_id);
    if (found.state != State::failed) return 0;
    return std::get<domain::HomeserverError>(found.finalised->outcome).status;
  }

  // The order in which events reached the homeserver, every try.
  std::vector<DelayId> sent() const {
    std::vector<DelayId> ids;
    for (const auto& send : homeserver_.sends) ids.push_back(send.delay_id);
    return ids;
  }

  std::uint8_t made_ = 0;
  afterword::testing::TemporaryFolder folder_;
  async::testing::ManualClock clock_;
  FakeHomeserver homeserver_{clock_};
  std::unique_ptr<HinderedStore> store_;
  std::unique_ptr<Delivery> delivery_;
};

// --- At its time ---

TEST_F(DeliveryTest, SendsAnEventAtItsTimeAndNotBefore) {
  start();
  const Timestamp due = clock_.now() + 10s;
  const auto id = schedule(10s);
  clock_.advance(10s - 1ms);
  EXPECT_THAT(sent(), IsEmpty());
  clock_.advance(1ms);
  ASSERT_THAT(sent(), ElementsAre(id));
  EXPECT_EQ(homeserver_.sends[0].arrived, due);
  EXPECT_EQ(homeserver_.sends[0].attempt.origin_server_ts, clock_.to_wall(due));

  const auto found = look_up(id);
  EXPECT_EQ(found.state, State::sent);
  EXPECT_EQ(found.finalised->finalised_ts, due);
  EXPECT_EQ(std::get<domain::EventId>(found.finalised->outcome).value, "$" + id.to_string());
}

TEST_F(DeliveryTest, CancelsWhatElseADeactivatedAccountHasScheduled) {
  start();
  const auto due = schedule(1s);
  const auto later = schedule(1h);
  homeserver_.next_answers = {refused(403, "M_USER_DEACTIVATED")};
  clock_.advance(1s);
  EXPECT_EQ(failed_with(due), 403);
  EXPECT_EQ(state(later), State::cancelled);
}

TEST_F(DeliveryTest, AnEarlierEventIsNotHeldUpByALaterTimer) {
  start();
  const auto late = schedule(1h);
  clock_.advance(1s);
  const auto early = schedule(1s);
  clock_.advance(1s);
  EXPECT_THAT(sent(), ElementsAre(early));
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(early, late));
}

TEST_F(DeliveryTest, ARestartPostpones) {
  start();
  const auto id = schedule(10s);
  for (int i = 0; i < 5; ++i) {
    clock_.advance(9s);
    EXPECT_EQ(restart(id), Effect::perform);
  }
  const Timestamp due = clock_.now() + 10s;
  clock_.advance(10s - 1ms);
  EXPECT_THAT(sent(), IsEmpty());
  clock_.advance(1ms);
  ASSERT_THAT(sent(), ElementsAre(id));
  EXPECT_EQ(homeserver_.sends[0].attempt.origin_server_ts, clock_.to_wall(due));
}

TEST_F(DeliveryTest, ACancelledEventIsNotSent) {
  start();
  const auto id = schedule(10s);
  clock_.advance(5s);
  EXPECT_EQ(cancel(id), Effect::perform);
  clock_.advance(1h);
  EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(DeliveryTest, AnApplicationServicesTimestampIsSent) {
  start();
  auto massaged = event(room_a, 1s);
  massaged.event.origin_server_ts = wall_from_ms(42);
  schedule(massaged);
  clock_.advance(1s);
  ASSERT_EQ(homeserver_.sends.size(), 1u);
  EXPECT_EQ(homeserver_.sends[0].attempt.origin_server_ts, wall_from_ms(42));
}

TEST_F(DeliveryTest, ARefusalAtItsTimeIsFinal) {
  start();
  homeserver_.next_answers = {refused(403, "M_FORBIDDEN"), refused(429, "M_LIMIT_EXCEEDED")};
  const auto forbidden = schedule(1s);
  const auto limited = schedule(2s);
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(forbidden, limited));
  EXPECT_EQ(failed_with(forbidden), 403);
  EXPECT_EQ(failed_with(limited), 429);
}

// What is logged while it lives.
class LoggedLines {
 public:
  LoggedLines() : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_));
    logger->set_formatter(make_log_formatter());
    spdlog::set_default_logger(std::move(logger));
  }
  ~LoggedLines() { spdlog::set_default_logger(before_); }
  LoggedLines(const LoggedLines&) = delete;
  LoggedLines& operator=(const LoggedLines&) = delete;

  std::string text() const { return text_.str(); }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
};

TEST_F(DeliveryTest, WhatFailsIsALineInTheLogThatTellsNoSecret) {
  start();
  homeserver_.next_answers = {refused(403, "M_FORBIDDEN")};
  auto leave = event(room_a, 1s);
  leave.event.type = "m.call.member\nforged";
  leave.event.content = R"({"secret":"content"})";
  const LoggedLines lines;
  schedule(leave);
  clock_.advance(1s);
  EXPECT_EQ(failed_with(leave.delay_id), 403);
  const std::string text = lines.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, ::testing::HasSubstr("a delayed event failed event=" + log_name(leave.delay_id) +
                                         R"( room=!a:example.org type="m.call.member\nforged" status=403)" +
                                         " errcode=M_FORBIDDEN"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("secret")));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr(leave.delay_id.to_string())));
}

homeserver::SendAnswer refused_perhaps_at_a_stop() {
  auto answer = refused(403, "M_FORBIDDEN");
  std::get<homeserver::Refused>(answer).may_be_stopping = true;
  return answer;
}

TEST_F(DeliveryTest, ARefusalByAHomeserverThatMayBeStoppingCountsTheSecondTime) {
  start();
  homeserver_.next_answers = {refused_perhaps_at_a_stop(), connection_refused()};
  const auto at_a_stop = schedule(1s);
  clock_.advance(1min);
  EXPECT_THAT(sent(), ElementsAre(at_a_stop, at_a_stop, at_a_stop));
  EXPECT_EQ(state(at_a_stop), State::sent);

  homeserver_.next_answers = {refused_perhaps_at_a_stop(), refused_perhaps_at_a_stop()};
  const auto meant = schedule(1s);
  clock_.advance(1min);
  EXPECT_EQ(failed_with(meant), 403);
}

TEST_F(DeliveryTest, NothingIsSentToAHomeserverThatCannotBePrepared) {
  start();
  homeserver_.is_away = true;
  const auto id = schedule(1s);
  clock_.advance(1min);
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(state(id), State::scheduled);
  homeserver_.is_away = false;
  clock_.advance(1min);
  EXPECT_EQ(state(id), State::sent);
}

// Or nobody could tell after a crash in between that it was never sent.
TEST_F(DeliveryTest, NothingIsClaimedBeforeTheHomeserverIsPrepared) {
  start();
  homeserver_.prepare_time = 1s;
  const auto by_time = schedule(1s);
  clock_.advance(1999ms);
  EXPECT_EQ(state(by_time), State::scheduled);
  clock_.advance(1ms);
  EXPECT_EQ(state(by_time), State::sent);

  const auto on_request = schedule(1min);
  async::TaskGroup asking(executor());
  std::optional<SendNowAnswer> answer;
  asking.spawn("sending now", send_now_into(on_request, answer));
  clock_.advance(999ms);
  EXPECT_EQ(state(on_request), State::scheduled);
  clock_.advance(1ms);
  EXPECT_EQ(state(on_request), State::sent);
  EXPECT_TRUE(std::holds_alternative<Sent>(answer.value()));
}

TEST_F(DeliveryTest, WhatWasCancelledWhileTheHomeserverWasPreparedIsNotSent) {
  start();
  homeserver_.prepare_time = 1s;
  const auto id = schedule(1s);
  clock_.advance(1500ms);
  EXPECT_EQ(cancel(id), Effect::perform);
  clock_.advance(1min);
  EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(DeliveryTest, WithoutItsDeviceWhenThatIsGone) {
  start();
  homeserver_.next_answers = {refused(400, "M_UNKNOWN_DEVICE")};
  auto from_phone = event(room_a, 1s);
  from_phone.event.device_id = domain::DeviceId("PHONE");
  const auto id = schedule(from_phone);
  clock_.advance(1s);
  ASSERT_EQ(homeserver_.sends.size(), 2u);
  EXPECT_EQ(homeserver_.sends[0].event.device_id, domain::DeviceId("PHONE"));
  EXPECT_EQ(homeserver_.sends[1].event.device_id, std::nullopt);
  EXPECT_EQ(homeserver_.sends[1].attempt.origin_server_ts, homeserver_.sends[0].attempt.origin_server_ts);
  EXPECT_EQ(state(id), State::sent);
}

// --- Order ---

TEST_F(DeliveryTest, EventsOfARoomLeaveInTheOrderOfTheirTimes) {
  start();
  homeserver_.send_time = [](const auto&) { return 300ms; };
  const auto third = schedule(1200ms);
  const auto first = schedule(1s);
  const auto second = schedule(1s);  // at the same time: by id
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(first, second, third));
  EXPECT_EQ(homeserver_.most_under_way, 1u);
}

TEST_F(DeliveryTest, ALaterEventWaitsForARetryInItsRoom) {
  start();
  homeserver_.next_answers = {timed_out(), timed_out(), timed_out()};
  const auto first = schedule(1s);
  const auto second = schedule(1100ms);
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(first, first, first, first, second));
}

TEST_F(DeliveryTest, ALaterEventWaitsAlsoForARetryThatFindsTheHomeserverAway) {
  start();
  homeserver_.next_answers = {timed_out(), connection_refused()};
  const auto first = schedule(1s);
  const auto second = schedule(1100ms);
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(first, first, first, second));
}

TEST_F(DeliveryTest, ARestartedEventThatIsDueAgainHasItsNewPlaceInItsRoom) {
  start();
  homeserver_.send_time = [](const auto&) { return 10s; };
  const auto blocking = schedule(1s);
  const auto restarted = schedule(2s);
  const auto other = schedule(3s);
  clock_.advance(2500ms);  // all wait for the first
  EXPECT_EQ(restart(restarted), Effect::perform);
  const Timestamp due = clock_.now() + 2s;
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(blocking, other, restarted));
  EXPECT_EQ(homeserver_.sends[2].attempt.origin_server_ts, clock_.to_wall(due));
}

TEST_F(DeliveryTest, WhatAStaleTimerBringsWaitsForTheTimersBeforeIt) {
  start();
  const auto restarted = schedule(5s);
  clock_.advance(4s);
  EXPECT_EQ(restart(restarted), Effect::perform);
  const auto earlier = schedule(2s);
  store_->find_active_begins = 10s;  // the first timer of `restarted` fires, and its look outlasts both
  clock_.advance(2s);
  store_->find_active_begins = 0ms;
  clock_.advance(1min);
  EXPECT_THAT(sent(), ElementsAre(earlier, restarted));
}

TEST_F(DeliveryTest, ASlowRoomHoldsUpNoOther) {
  start();
  homeserver_.send_time = [](const auto& send) {
    return send.event.room_id == room_a ? std::chrono::milliseconds(1min) : 0ms;
  };
  schedule(room_a, 1s);
  schedule(room_a, 2s);
  const auto other = schedule(room_b, 3s);
  clock_.advance(3s);
  EXPECT_EQ(state(other), State::sent);
}

TEST_F(DeliveryTest, ARoomThatWaitsToTryAgainHoldsNoSlot) {
  start({.max_concurrent_sends = 1});
  homeserver_.answer_send = [](const auto& send) -> homeserver::SendAnswer {
    if (send.event.room_id == room_a) return timed_out();
    return homeserver::Sent{domain::EventId("$e")};
  };
  const auto stuck = schedule(room_a, 1s);
  const auto other = schedule(room_b, 1s);
  clock_.advance(1s);
  EXPECT_EQ(state(stuck), State::sending);
  EXPECT_EQ(state(other), State::sent);
}

TEST_F(DeliveryTest, SendsNoMoreAtOnceThanAllowed) {
  start({.max_concurrent_sends = 3});
  homeserver_.send_time = [](const auto&) { return 100ms; };
  std::vector<DelayId> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(schedule(of(user(i), RoomId("!" + std::to_string(i)), 1s + i * 1ms)));
  clock_.advance(1h);
  EXPECT_EQ(homeserver_.most_under_way, 3u);
  EXPECT_EQ(sent(), ids);
}

// --- Unclear outcomes and outages ---

TEST_F(DeliveryTest, AnUnclearAttemptIsRepeatedUnchanged) {
  start();
  homeserver_.next_answers = {timed_out(), connection_refused(), timed_out()};
  const auto id = schedule(1s);
  const Timestamp due = clock_.now() + 1s;
  clock_.advance(1s);
  EXPECT_EQ(state(id), State::sending);
  EXPECT_EQ(restart(id), Effect::wait);
  EXPECT_EQ(cancel(id), Effect::wait);
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(id, id, id, id));
  for (const auto& send : homeserver_.sends) EXPECT_EQ(send.attempt.origin_server_ts, clock_.to_wall(due));
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, RetriesBackOff) {
  start();
  homeserver_.answer_send = [](const auto&) { return timed_out(); };
  schedule(0ms);
  clock_.advance(1h);
  // At most 30 s apart while it holds up its room, and then at most 5 min.
  EXPECT_GT(homeserver_.sends.size(), 120u / 30 + 3600u / 300);
  EXPECT_LT(homeserver_.sends.size(), 60u);
}

TEST_F(DeliveryTest, AnOutageHonoursRestartsAndCancels) {
  start();
  bool away = true;
  homeserver_.answer_send = [&away](const auto& send) -> homeserver::SendAnswer {
    if (away) return connection_refused();
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  const auto restarted = schedule(room_a, 8s);
  const auto cancelled = schedule(room_b, 8s);
  clock_.advance(20s);
  EXPECT_EQ(state(restarted), State::scheduled);
  EXPECT_EQ(state(cancelled), State::scheduled);
  EXPECT_EQ(restart(restarted), Effect::perform);
  EXPECT_EQ(cancel(cancelled), Effect::perform);

  away = false;
  const auto before = homeserver_.sends.size();
  clock_.advance(8s - 1ms);
  EXPECT_EQ(homeserver_.sends.size(), before);
  clock_.advance(1min);
  EXPECT_EQ(homeserver_.sends.size(), before + 1);
  EXPECT_EQ(state(restarted), State::sent);
  EXPECT_EQ(state(cancelled), State::cancelled);
}

TEST_F(DeliveryTest, AfterAnOutageEventsLeaveInOrderAcrossRooms) {
  start();
  bool away = true;
  homeserver_.way_is_open = false;
  std::vector<DelayId> taken;
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (away) return connection_refused();
    taken.push_back(send.delay_id);
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  std::vector<DelayId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(schedule(RoomId("!" + std::to_string(i % 7)), 1s + i * 100ms));
  clock_.advance(5min);
  // What finds out whether it is back is no event.
  EXPECT_LT(homeserver_.sends.size(), 10u);
  EXPECT_GT(homeserver_.way_questions, 10u);
  away = false;
  homeserver_.way_is_open = true;
  clock_.advance(1min);
  EXPECT_EQ(taken, ids);
}

// --- On request ---

TEST_F(DeliveryTest, SendsAtOnceOnRequest) {
  start();
  const auto id = schedule(10s);
  clock_.advance(3s);
  const Timestamp now = clock_.now();
  const domain::EventId event_id = std::get<Sent>(send_now(id)).event_id;
  EXPECT_EQ(homeserver_.sends.at(0).attempt.origin_server_ts, clock_.to_wall(now));
  EXPECT_EQ(state(id), State::sent);
  EXPECT_EQ(std::get<domain::EventId>(look_up(id).finalised->outcome), event_id);
  EXPECT_EQ(std::get<Sent>(send_now(id)).event_id, event_id);
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(id));
}

TEST_F(DeliveryTest, OnlyTheOwnerMaySend) {
  start();
  const auto id = schedule(10s);
  EXPECT_TRUE(std::holds_alternative<store::NotFound>(send_now(id, domain::UserId("@mallory:example.org"))));
  EXPECT_TRUE(std::holds_alternative<store::NotFound>(send_now(DelayId::random())));
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_TRUE(std::holds_alternative<Sent>(send_now(id, alice)));
}

TEST_F(DeliveryTest, NobodyElseHearsOfASendUnderWay) {
  start();
  homeserver_.send_time = [](const auto&) { return 10s; };
  const auto id = schedule(1s);
  clock_.advance(2s);
  EXPECT_TRUE(std::holds_alternative<store::NotFound>(send_now(id, domain::UserId("@mallory:example.org"))));
  EXPECT_EQ(std::get<Effect>(send_now(id, alice)), Effect::wait);
}

TEST_F(DeliveryTest, ACancelledEventIsNotSentOnRequest) {
  start();
  const auto id = schedule(10s);
  cancel(id);
  EXPECT_EQ(std::get<Effect>(send_now(id)), Effect::refuse);
}

TEST_F(DeliveryTest, ARefusalOnRequestLeavesItScheduled) {
  start();
  homeserver_.next_answers = {refused(403, "M_FORBIDDEN"), refused(429, "M_LIMIT_EXCEEDED")};
  const auto id = schedule(10s);
  EXPECT_EQ(std::get<domain::HomeserverError>(send_now(id)).status, 403);
  EXPECT_EQ(std::get<domain::HomeserverError>(send_now(id)).status, 429);
  EXPECT_EQ(state(id), State::scheduled);
  clock_.advance(10s);
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, AnOutageOnRequestLeavesItScheduled) {
  start();
  homeserver_.next_answers = {connection_refused()};
  const auto id = schedule(10s);
  EXPECT_TRUE(std::holds_alternative<NotSent>(send_now(id)));
  EXPECT_EQ(state(id), State::scheduled);
  clock_.advance(10s);
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, WhoAskedWaitsForTheRealOutcome) {
  start();
  homeserver_.next_answers = {timed_out(), timed_out()};
  const auto id = schedule(10s);
  const Timestamp now = clock_.now();
  EXPECT_TRUE(std::holds_alternative<Sent>(send_now(id)));
  EXPECT_THAT(sent(), ElementsAre(id, id, id));
  for (const auto& send : homeserver_.sends) EXPECT_EQ(send.attempt.origin_server_ts, clock_.to_wall(now));
}

TEST_F(DeliveryTest, ARefusalAfterAnUnclearAnswerReachesWhoAsked) {
  start();
  homeserver_.next_answers = {timed_out(), refused(403, "M_FORBIDDEN")};
  const auto id = schedule(10s);
  EXPECT_EQ(std::get<domain::HomeserverError>(send_now(id)).status, 403);
  EXPECT_EQ(state(id), State::scheduled);
  clock_.advance(10s);
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, WhatCameDueWhileItWasSentOnRequestHasItsTimeYet) {
  start();
  const auto before = schedule(1s);
  const auto id = schedule(2s);
  homeserver_.send_time = [&](const auto& send) { return send.delay_id == before ? 3s : 0s; };
  bool unclear = true;
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (send.delay_id == before) return homeserver::Sent{domain::EventId("$before")};
    return std::exchange(unclear, false) ? timed_out() : refused(403, "M_FORBIDDEN");
  };
  clock_.advance(2500ms);  // it waits for its turn behind the other
  EXPECT_EQ(std::get<domain::HomeserverError>(send_now(id)).status, 403);
  clock_.advance(1s);
  EXPECT_EQ(failed_with(id), 403);
}

TEST_F(DeliveryTest, WhoAskedWaitsNoLongerThanItsLimitAndTheAttemptGoesOn) {
  start();
  homeserver_.answer_send = [](const auto&) { return timed_out(); };
  const auto id = schedule(1h);
  const auto asked = clock_.steady_now();
  EXPECT_TRUE(std::holds_alternative<NotSent>(send_now(id)));
  EXPECT_EQ(clock_.steady_now() - asked, 30s);
  EXPECT_EQ(state(id), State::sending);
  homeserver_.answer_send = nullptr;
  clock_.advance(1min);
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, ACallerThatGoesAwayChangesNothing) {
  start();
  homeserver_.send_time = [](const auto&) { return 1s; };
  const auto id = schedule(1h);
  std::optional<SendNowAnswer> answer;
  async::TaskGroup callers(executor());
  callers.spawn("caller", send_now_into(id, answer));
  clock_.advance(500ms);
  callers.stop();
  clock_.run(callers.join(), 0ms);
  clock_.advance(1s);
  EXPECT_EQ(state(id), State::sent);
}

// --- Races ---

TEST_F(DeliveryTest, OfARequestAndTheTimerOneSends) {
  for (const auto offset : {-1ms, 0ms, 1ms}) {
    SCOPED_TRACE(offset.count());
    if (delivery_) clock_.run(delivery_->drain(0ms));
    start();
    homeserver_.sends.clear();
    homeserver_.send_time = [](const auto&) { return 50ms; };
    const auto id = schedule(1s);
    clock_.advance(1s + offset);
    std::optional<SendNowAnswer> answer;
    async::TaskGroup callers(executor());
    callers.spawn("caller", send_now_into(id, answer));
    clock_.run(callers.join());
    clock_.advance(1min);
    EXPECT_THAT(sent(), ElementsAre(id));
    EXPECT_EQ(std::holds_alternative<Sent>(*answer), offset < 0ms);
  }
}

TEST_F(DeliveryTest, OfTwoRequestsOneSends) {
  start();
  homeserver_.send_time = [](const auto&) { return 50ms; };
  const auto id = schedule(10s);
  std::optional<SendNowAnswer> first;
  std::optional<SendNowAnswer> second;
  async::TaskGroup callers(executor());
  callers.spawn("caller", send_now_into(id, first));
  callers.spawn("caller", send_now_into(id, second));
  clock_.run(callers.join());
  EXPECT_THAT(sent(), ElementsAre(id));
  EXPECT_TRUE(std::holds_alternative<Sent>(*first));
  EXPECT_EQ(std::get<Effect>(*second), Effect::wait);
}

TEST_F(DeliveryTest, SettledWaitsForTheOutcome) {
  start();
  homeserver_.send_time = [](const auto&) { return 10s; };
  const auto id = schedule(1s);
  int count = 0;
  async::TaskGroup callers(executor());
  callers.spawn("nothing under way yet", settled_then_count(id, count));
  clock_.settle();
  EXPECT_EQ(count, 1);
  clock_.advance(2s);
  callers.spawn("under way", settled_then_count(id, count));
  clock_.advance(8s);
  EXPECT_EQ(count, 1);
  clock_.advance(1s);
  EXPECT_EQ(count, 2);
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, SettledHasALimit) {
  start();
  homeserver_.answer_send = [](const auto&) { return timed_out(); };
  const auto id = schedule(1s);
  clock_.advance(1s);
  const auto before = clock_.steady_now();
  clock_.run(delivery_->settled(id, clock_.steady_now() + 30s));
  EXPECT_EQ(clock_.steady_now() - before, 30s);
}

// --- Starting and stopping ---

TEST_F(DeliveryTest, AfterADowntimeOverdueEventsLeaveInChronologicalOrderAcrossRooms) {
  std::vector<DelayId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(schedule(RoomId("!" + std::to_string(i % 11)), 1s + i * 10ms));
  const Timestamp first_due = clock_.now() + 1s;
  clock_.advance(10min);
  start({.max_concurrent_sends = 4});
  clock_.advance(1s);
  EXPECT_EQ(sent(), ids);
  EXPECT_EQ(homeserver_.sends[0].attempt.origin_server_ts, clock_.to_wall(first_due));
}

TEST_F(DeliveryTest, WhatIsNotDueAtTheStartIsSentAtItsTime) {
  const auto id = schedule(10s);
  clock_.advance(5s);
  start();
  clock_.advance(5s - 1ms);
  EXPECT_THAT(sent(), IsEmpty());
  clock_.advance(1ms);
  EXPECT_THAT(sent(), ElementsAre(id));
}

TEST_F(DeliveryTest, AnAttemptThatWasUnderWayAtTheStartGoesOnFirst) {
  const auto earlier = schedule(1s);
  const auto under_way = schedule(2s);
  const Timestamp due = clock_.now() + 2s;
  clock_.advance(1min);
  claim(under_way, {clock_.to_wall(due), false});
  homeserver_.next_answers = {connection_refused(), timed_out()};
  start();
  EXPECT_EQ(restart(under_way), Effect::wait);
  clock_.advance(1min);
  // A look showed that it had not arrived, so a connection that is refused gives it back.
  EXPECT_THAT(sent(), ElementsAre(under_way, earlier, earlier, under_way));
  EXPECT_EQ(homeserver_.sends[3].attempt.origin_server_ts, clock_.to_wall(due));
  EXPECT_EQ(state(under_way), State::sent);
}

TEST_F(DeliveryTest, AnAttemptOnRequestThatIsRefusedAfterTheStartStaysScheduled) {
  const auto id = schedule(1h);
  const Timestamp requested = clock_.now();
  claim(id, {clock_.to_wall(requested), true});
  clock_.advance(1min);
  homeserver_.next_answers = {refused(403, "M_FORBIDDEN")};
  start();
  clock_.advance(10s);
  ASSERT_THAT(sent(), ElementsAre(id));
  EXPECT_EQ(homeserver_.sends[0].attempt.origin_server_ts, clock_.to_wall(requested));
  EXPECT_EQ(state(id), State::scheduled);
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(id, id));
  EXPECT_EQ(state(id), State::sent);
}

// --- Attempts without a clear answer ---

homeserver::LookAnswer in_the_room(const std::string& event_id) {
  return homeserver::Candidates{{domain::EventId(event_id)}};
}
homeserver::LookAnswer cannot_tell() { return homeserver::CannotTell{"timed out"}; }
homeserver::LookAnswer perhaps_queued() { return homeserver::Candidates{{}, true}; }

TEST_F(DeliveryTest, WhatHasArrivedIsNotSentAgain) {
  start();
  homeserver_.next_answers = {timed_out()};
  homeserver_.next_looks = {cannot_tell(), in_the_room("$arrived")};
  const auto id = schedule(1s);
  clock_.advance(1min);
  EXPECT_THAT(sent(), ElementsAre(id));
  ASSERT_EQ(homeserver_.looks.size(), 2u);
  EXPECT_EQ(homeserver_.looks[0].attempt.origin_server_ts, homeserver_.sends[0].attempt.origin_server_ts);
  EXPECT_EQ(std::get<domain::EventId>(look_up(id).finalised->outcome).value, "$arrived");
}

TEST_F(DeliveryTest, WhatHasNotArrivedIsSentAgainOnceItCanNoLongerArrive) {
  start();
  homeserver_.next_answers = {timed_out()};
  const auto id = schedule(1s);
  clock_.advance(1s + 4900ms);
  EXPECT_THAT(sent(), ElementsAre(id));
  EXPECT_GT(homeserver_.looks.size(), 1u);
  clock_.advance(10s);
  EXPECT_THAT(sent(), ElementsAre(id, id));
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, ALookThatBeganTooEarlyShowsNothing) {
  start();
  homeserver_.next_answers = {timed_out()};
  homeserver_.look_time = 7s;
  const auto id = schedule(1s);
  const Timestamp unclear = clock_.now() + 1s;
  clock_.advance(1min);
  ASSERT_THAT(sent(), ElementsAre(id, id));
  ASSERT_EQ(homeserver_.looks.size(), 3u);
  EXPECT_LT(homeserver_.looks[0].arrived, unclear + 5s);
  // It took so long that the homeserver may just have begun to work again: all has five seconds from then.
  EXPECT_GE(homeserver_.looks[2].arrived, homeserver_.looks[0].arrived + 7s + 5s);
}

TEST_F(DeliveryTest, WhatARestartedHomeserverMayStillMakeIsNotSentAgainMeanwhile) {
  const auto id = schedule(1s);
  clock_.advance(1min);
  claim(id, {clock_.wall_now(), false});
  homeserver_.answer_look = [](const auto&) { return perhaps_queued(); };
  start();
  clock_.advance(5min + 10s);
  EXPECT_THAT(sent(), IsEmpty());
  homeserver_.answer_look = [](const auto&) { return in_the_room("$late"); };
  clock_.advance(1min);
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, WhatNoQueueHasGivenBackInTimeIsSentAgain) {
  start();
  homeserver_.next_answers = {timed_out()};
  homeserver_.answer_look = [](const auto&) { return perhaps_queued(); };
  const auto id = schedule(1s);
  clock_.advance(9min);
  EXPECT_THAT(sent(), ElementsAre(id, id));
  EXPECT_EQ(state(id), State::sent);
  EXPECT_EQ(homeserver_.flushes, 1u);
}

TEST_F(DeliveryTest, WhatAQueueGivesBackWhenItIsFlushedIsNotSentAgain) {
  start();
  homeserver_.next_answers = {timed_out()};
  homeserver_.answer_look = [&](const auto&) {
    return homeserver_.flushes == 0 ? perhaps_queued() : in_the_room("$flushed");
  };
  const auto id = schedule(1s);
  clock_.advance(7min);
  EXPECT_THAT(sent(), ElementsAre(id));
  EXPECT_EQ(state(id), State::sent);
}

// Dendrite has a second queue, between what makes events and what shows them.
TEST_F(DeliveryTest, WhatAQueueGivesBackMayShowLate) {
  start();
  homeserver_.next_answers = {timed_out()};
  std::optional<Timestamp> flushed;
  homeserver_.answer_look = [&](const auto&) {
    if (homeserver_.flushes > 0 && !flushed) flushed = clock_.now();
    return flushed && clock_.now() >= *flushed + 30s ? in_the_room("$flushed") : perhaps_queued();
  };
  const auto id = schedule(1s);
  clock_.advance(9min);
  EXPECT_THAT(sent(), ElementsAre(id));
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, WhatAFlushProvesNotToBeThereIsSentAgainAtOnce) {
  start();
  homeserver_.next_answers = {timed_out()};
  homeserver_.answer_look = [](const auto&) { return perhaps_queued(); };
  homeserver_.flush = homeserver::Flush::shown;
  const auto id = schedule(1s);
  clock_.advance(5min + 20s);
  EXPECT_THAT(sent(), ElementsAre(id));
  clock_.advance(70s);  // a look and another, 30 s apart at most, and not the two minutes of what may show late
  EXPECT_THAT(sent(), ElementsAre(id, id));
}

TEST_F(DeliveryTest, NothingIsSentAgainBehindAQueueThatStandsStill) {
  start();
  homeserver_.next_answers = {timed_out()};
  homeserver_.answer_look = [](const auto&) { return perhaps_queued(); };
  homeserver_.flush = homeserver::Flush::not_done;
  const auto id = schedule(1s);
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(id));
  homeserver_.flush = homeserver::Flush::done;
  clock_.advance(3min);
  EXPECT_THAT(sent(), ElementsAre(id, id));
}

TEST_F(DeliveryTest, AQueueHasItsTimeOnceItsHomeserverIsBack) {
  start();
  homeserver_.next_answers = {timed_out()};
  homeserver_.next_looks = {perhaps_queued()};
  homeserver_.answer_look = [](const auto&) { return cannot_tell(); };
  const auto id = schedule(1s);
  clock_.advance(1h);
  homeserver_.answer_look = [](const auto&) { return perhaps_queued(); };
  clock_.advance(4min);
  EXPECT_THAT(sent(), ElementsAre(id));
  clock_.advance(5min);
  EXPECT_THAT(sent(), ElementsAre(id, id));
}

TEST_F(DeliveryTest, AStalledHomeserverIsGivenTheTimeOfItsQueue) {
  start();
  homeserver_.next_answers = {homeserver::Unclear{"timed out", true}};
  homeserver_.next_looks = {cannot_tell()};
  const auto id = schedule(1s);
  clock_.advance(5min + 10s);
  EXPECT_THAT(sent(), ElementsAre(id));
  clock_.advance(4min);
  EXPECT_THAT(sent(), ElementsAre(id, id));
}

TEST_F(DeliveryTest, WhatACrashLeftIsLookedForFirst) {
  const auto id = schedule(1s);
  clock_.advance(1min);
  claim(id, {clock_.wall_now(), false});
  homeserver_.next_looks = {in_the_room("$arrived")};
  start();
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, TwoThatAreAlikeHaveAnEventEach) {
  start();
  homeserver_.next_answers = {timed_out()};
  // The room has the first one's event alone, whoever looks.
  homeserver_.answer_look = [](const auto&) { return in_the_room("$one"); };
  const auto first = schedule(1s);
  const auto second = schedule(1s);
  clock_.advance(500ms);
  homeserver_.next_answers = {timed_out(), timed_out()};
  clock_.advance(10min);
  EXPECT_EQ(std::get<domain::EventId>(look_up(first).finalised->outcome).value, "$one");
  EXPECT_EQ(std::get<domain::EventId>(look_up(second).finalised->outcome).value, "$" + second.to_string());
  EXPECT_THAT(sent(), ElementsAre(first, second, second));
}

TEST_F(DeliveryTest, AnEventBesideItsTwinMayStillComeOutOfAQueue) {
  start();
  homeserver_.next_answers = {homeserver::Sent{domain::EventId("$one")}, timed_out()};
  homeserver_.answer_look = [](const auto&) { return in_the_room("$one"); };
  schedule(1s);
  const auto second = schedule(1s);
  clock_.advance(5min);
  homeserver_.answer_look = [](const auto&) {
    return homeserver::Candidates{{domain::EventId("$one"), domain::EventId("$late")}};
  };
  clock_.advance(5min);
  EXPECT_EQ(homeserver_.sends.size(), 2u);
  EXPECT_EQ(std::get<domain::EventId>(look_up(second).finalised->outcome).value, "$late");
}

TEST_F(DeliveryTest, TwoThatAreAlikeExchangeTransactionsWhenOneWasTakenForTheOther) {
  start();
  const auto first = schedule(1h);
  const auto second = schedule(1h);
  // Of two at once only the second arrives, and neither is answered. Later a transaction is answered with its event.
  std::map<DelayId, domain::EventId> room;
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (homeserver_.sends.size() == 1) return timed_out();
    const domain::EventId event_id("$" + std::to_string(room.size() + 1));
    const auto kept = room.emplace(send.delay_id, event_id).first->second;
    if (homeserver_.sends.size() == 2) return timed_out();
    return homeserver::Sent{kept};
  };
  homeserver_.answer_look = [&](const auto&) {
    homeserver::Candidates found;
    for (const auto& [transaction, event_id] : room) found.events.push_back(event_id);
    return found;
  };
  std::optional<SendNowAnswer> answers[2];
  async::TaskGroup callers(executor());
  callers.spawn("caller", send_now_into(first, answers[0]));
  callers.spawn("caller", send_now_into(second, answers[1]));
  clock_.run(callers.join());
  clock_.advance(20min);
  EXPECT_EQ(std::get<domain::EventId>(look_up(first).finalised->outcome).value, "$1");
  EXPECT_EQ(std::get<domain::EventId>(look_up(second).finalised->outcome).value, "$2");
  EXPECT_THAT(sent(), ElementsAre(first, second, second, first));
}

// Its own transaction has made the event that was taken for the other's, also when it is claimed anew.
TEST_F(DeliveryTest, WhatHasExchangedTransactionsAndIsRefusedOnRequestHasAnEventOfItsOwnAtItsTime) {
  start();
  const auto first = schedule(1h);
  const auto second = schedule(1h);
  // Of two at once only the second arrives, and neither is answered. Later one is refused.
  std::map<DelayId, domain::EventId> room;
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    const auto number = homeserver_.sends.size();
    if (number == 1) return timed_out();
    if (number == 4) return refused(429, "M_LIMIT_EXCEEDED");
    const domain::EventId event_id("$" + std::to_string(room.size() + 1));
    const auto kept = room.emplace(send.delay_id, event_id).first->second;
    if (number == 2) return timed_out();
    return homeserver::Sent{kept};
  };
  homeserver_.answer_look = [&](const auto& look) {
    homeserver::Candidates found;
    for (const auto& [transaction, event_id] : room) {
      if (look.attempt.on_request) found.events.push_back(event_id);  // by its time
    }
    return found;
  };
  std::optional<SendNowAnswer> answers[2];
  async::TaskGroup callers(executor());
  callers.spawn("caller", send_now_into(first, answers[0]));
  callers.spawn("caller", send_now_into(second, answers[1]));
  clock_.run(callers.join());
  clock_.advance(20min);
  EXPECT_THAT(sent(), ElementsAre(first, second, second, first));
  EXPECT_EQ(state(second), State::scheduled);
  clock_.advance(1h);
  EXPECT_THAT(sent(), ElementsAre(first, second, second, first, second, first));
  EXPECT_EQ(std::get<domain::EventId>(look_up(first).finalised->outcome).value, "$1");
  EXPECT_EQ(std::get<domain::EventId>(look_up(second).finalised->outcome).value, "$2");
}

TEST_F(DeliveryTest, AnEventThatWasTakenForATwinsBeforeItsOwnAnswerCameIsReplaced) {
  start();
  const auto first = schedule(1h);
  const auto second = schedule(1h);
  // The first arrives and is answered late. The second does not arrive.
  homeserver_.send_time = [&](const auto& send) { return send.delay_id == first ? 8s : 0s; };
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (send.delay_id == first) return homeserver::Sent{domain::EventId("$1")};
    if (homeserver_.sends.size() == 2) return timed_out();
    return homeserver::Sent{domain::EventId("$2")};
  };
  homeserver_.answer_look = [](const auto&) { return in_the_room("$1"); };
  std::optional<SendNowAnswer> answers[2];
  async::TaskGroup callers(executor());
  callers.spawn("caller", send_now_into(first, answers[0]));
  callers.spawn("caller", send_now_into(second, answers[1]));
  clock_.run(callers.join());
  clock_.advance(20min);
  EXPECT_EQ(std::get<domain::EventId>(look_up(second).finalised->outcome).value, "$1");
  EXPECT_EQ(std::get<domain::EventId>(look_up(first).finalised->outcome).value, "$2");
  EXPECT_THAT(sent(), ElementsAre(first, second, second));
}

TEST_F(DeliveryTest, ARefusalOfASecondTryIsAnOutcomeOnlyIfTheFirstIsNotThere) {
  start();
  homeserver_.next_answers = {timed_out(), refused(403, "M_FORBIDDEN")};
  homeserver_.answer_look = [](const auto&) { return homeserver::MayNotLook{}; };
  const auto id = schedule(1s);
  clock_.advance(1min);
  EXPECT_EQ(failed_with(id), 403);
}

// The first send may be in the room, where its owner can neither look nor send any more. Were it scheduled again, it
// could be cancelled although it is there, or come there twice.
TEST_F(DeliveryTest, WhatMayHaveArrivedOnRequestFailsWhenItIsRefused) {
  start();
  const auto id = schedule(1h);
  homeserver_.next_answers = {timed_out(), refused_perhaps_at_a_stop(), refused_perhaps_at_a_stop()};
  homeserver_.answer_look = [](const auto&) { return homeserver::MayNotLook{}; };
  EXPECT_EQ(std::get<domain::HomeserverError>(send_now(id)).status, 403);
  EXPECT_EQ(failed_with(id), 403);
  clock_.advance(2h);
  EXPECT_THAT(sent(), ElementsAre(id, id, id));
}

TEST_F(DeliveryTest, AnAttemptWithoutAnswerHoldsUpItsRoomForALimitedTime) {
  start({.longest_hold = 30s});
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (send.event.type == "stuck") return timed_out();
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  homeserver_.answer_look = [](const auto&) { return homeserver::Candidates{}; };
  auto stuck = event(room_a, 1s);
  stuck.event.type = "stuck";
  schedule(stuck);
  const auto behind = schedule(room_a, 2s);
  clock_.advance(25s);
  EXPECT_EQ(state(behind), State::scheduled);
  clock_.advance(2min);
  EXPECT_EQ(state(behind), State::sent);
  EXPECT_FALSE(domain::is_finalised(state(stuck.delay_id)));

  // It is still resolved.
  homeserver_.answer_look = [](const auto&) { return in_the_room("$late"); };
  clock_.advance(6min);
  EXPECT_EQ(state(stuck.delay_id), State::sent);
}

// --- The way to the homeserver ---

homeserver::SendAnswer not_let_through(int status, std::optional<Milliseconds> retry_after = std::nullopt) {
  return homeserver::NotArrived{"not let through", retry_after,
                                domain::HomeserverError{status, R"({"errcode":"M_X"})"}};
}
homeserver::SendAnswer answered_without_outcome(int status) {
  return homeserver::Unclear{"an answer", false, domain::HomeserverError{status, R"({"errcode":"M_X"})"}};
}

struct Stuck {
  const char* name;
  std::function<homeserver::SendAnswer()> answer;
  std::chrono::milliseconds time{0};
};
const Stuck stuck_answers[] = {
    {"M_UNRECOGNIZED", [] { return not_let_through(404); }},
    {"a proxy's 429", [] { return not_let_through(429, 5min); }},
    {"500", [] { return answered_without_outcome(500); }},
    {"403 in HTML", [] { return answered_without_outcome(403); }},
    {"a reset", [] { return timed_out(); }},
    {"no answer", [] { return timed_out(); }, 30s},
    {"no connection", [] { return connection_refused(); }},
};

TEST_F(DeliveryTest, NoAnswerAboutOneEventStopsAnotherOwners) {
  start();
  for (const Stuck& stuck : stuck_answers) {
    SCOPED_TRACE(stuck.name);
    homeserver_.sends.clear();
    homeserver_.send_time = [&](const auto& send) { return send.event.user_id == alice ? stuck.time : 0ms; };
    homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
      if (send.event.user_id == alice) return stuck.answer();
      return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
    };
    std::vector<DelayId> alices;
    for (int i = 0; i < 5; ++i) alices.push_back(schedule(RoomId("!" + std::to_string(i)), 1s));
    for (int i = 0; i < 30; ++i) {
      const Timestamp due = clock_.now() + 1s;
      const auto id = schedule(of(user(1), RoomId("!another:example.org"), 1s));
      clock_.advance(2s);
      ASSERT_EQ(state(id), State::sent);
      const auto arrived = std::ranges::find(homeserver_.sends, id, &FakeHomeserver::Send::delay_id)->arrived;
      EXPECT_LE(arrived - due, 1s);
      clock_.advance(5s);
    }
    homeserver_.answer_send = nullptr;
    homeserver_.send_time = nullptr;
    clock_.advance(10min);
    for (const auto id : alices) EXPECT_EQ(state(id), State::sent);
  }
}

TEST_F(DeliveryTest, SendsOnRequestTakePlacesOfTheirOwnersShare) {
  start({.max_concurrent_requests = 6, .max_requests_of_an_owner = 4});
  homeserver_.send_time = [](const auto& send) { return send.event.user_id == alice ? 20s : 0s; };
  constexpr std::size_t count = 20;
  std::vector<std::optional<SendNowAnswer>> answers(count);
  std::vector<DelayId> requested;
  async::TaskGroup asking(executor());
  for (std::size_t i = 0; i < count; ++i) {
    requested.push_back(schedule(RoomId("!" + std::to_string(i)), 1h));
    asking.spawn("sending now", send_now_into(requested.back(), answers[i]));
  }
  const auto at_its_time = schedule(RoomId("!fresh:example.org"), 1s);
  const auto anothers = schedule(of(user(1), room_b, 1h));
  clock_.advance(2s);
  EXPECT_EQ(homeserver_.most_under_way, 5u);  // four on request, and hers whose time has come
  EXPECT_EQ(state(at_its_time), State::sending);
  EXPECT_TRUE(std::holds_alternative<Sent>(send_now(anothers)));
  EXPECT_EQ(state(anothers), State::sent);

  // A second handful is sent in the time that those who ask have; the others are asked for again, or leave in time.
  clock_.advance(50s);
  const auto sent = std::ranges::count_if(requested, [this](DelayId id) { return state(id) == State::sent; });
  EXPECT_EQ(sent, 8);
  for (std::size_t i = 8; i < count; ++i) {
    EXPECT_TRUE(std::holds_alternative<NotSent>(answers[i].value())) << i;
    EXPECT_EQ(state(requested[i]), State::scheduled) << i;
  }
  clock_.advance(2h);
  for (const auto id : requested) EXPECT_EQ(state(id), State::sent);
}

// A day of adoptions by the second would take minutes under a sanitizer.
const Options for_a_day{.adoption_interval = 1min};

TEST_F(DeliveryTest, WhatIsNotLetThroughForEverHoldsUpItsRoomForAWhileAndFailsAfterADay) {
  for (const Stuck& stuck : stuck_answers) {
    SCOPED_TRACE(stuck.name);
    start(for_a_day);
    homeserver_.sends.clear();
    auto alices = event(room_a, 1s);
    alices.event.type = "stuck";
    homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
      if (send.event.type == "stuck") return stuck.answer();
      return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
    };
    schedule(alices);
    const auto behind = schedule(of(user(1), room_a, 2s));
    clock_.advance(1min);
    EXPECT_EQ(state(behind), State::scheduled);
    clock_.advance(2min);
    EXPECT_EQ(state(behind), State::sent);

    clock_.advance(12h);
    stop(0ms);
    start(for_a_day);
    clock_.advance(11h + 50min);
    EXPECT_FALSE(domain::is_finalised(state(alices.delay_id)));
    EXPECT_LT(homeserver_.sends.size(), 600u);  // at growing intervals
    clock_.advance(20min);
    const auto failed = look_up(alices.delay_id);
    ASSERT_EQ(failed.state, State::failed);
    const auto expected = stuck.answer();
    int status = 504;
    if (const auto* answer = std::get_if<homeserver::NotArrived>(&expected); answer && answer->error) {
      status = answer->error->status;
    } else if (const auto* unclear = std::get_if<homeserver::Unclear>(&expected); unclear && unclear->error) {
      status = unclear->error->status;
    }
    EXPECT_EQ(std::get<domain::HomeserverError>(failed.finalised->outcome).status, status);
    stop(0ms);
  }
}

TEST_F(DeliveryTest, CountsWhatIsSetAsideAndGivenUp) {
  start(for_a_day);
  homeserver_.answer_send = [](const auto&) { return homeserver::NotArrived{"not let through"}; };
  schedule(room_a, 1s);
  clock_.advance(1min);
  EXPECT_EQ(delivery_->figures().aside, 0u);
  EXPECT_GT(delivery_->figures().tried_again, 0u);
  clock_.advance(2min);
  EXPECT_EQ(delivery_->figures().aside, 1u);
  EXPECT_EQ(delivery_->figures().given_up, 0u);
  clock_.advance(24h + 10min);
  EXPECT_EQ(delivery_->figures().aside, 0u);
  EXPECT_EQ(delivery_->figures().given_up, 1u);
  EXPECT_EQ(delivery_->figures().failed[class_of("M_UNKNOWN")], 1u);
  EXPECT_EQ(delivery_->figures().sent, 0u);
  stop(0ms);
}

// Whoever's they are: many accounts help nobody.
TEST_F(DeliveryTest, HoweverManyAreNotLetThroughTheyHoldUpTheirRoomForAWhileInAll) {
  for (const Stuck& stuck : stuck_answers) {
    SCOPED_TRACE(stuck.name);
    start();
    homeserver_.sends.clear();
    homeserver_.send_time = [&](const auto& send) { return send.event.type == "stuck" ? stuck.time : 0ms; };
    homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
      if (send.event.type == "stuck") return stuck.answer();
      return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
    };
    // The answer that uses up what the room may be held up is waited for, and a little by each after it.
    const auto last_waits = stuck.time > 0ms ? stuck.time + 3 * Options().short_send_timeout : 0ms;
    std::vector<DelayId> good;
    for (int i = 0; i < 3; ++i) {
      auto bad = of(user(i % 2), room_a, 1s + i * 10s);
      bad.event.type = "stuck";
      schedule(bad);
      good.push_back(schedule(of(user(2), room_a, 1s + i * 10s + 1ms)));
    }
    // And long after the first have been set aside, while they are tried again.
    auto later = of(user(1), room_a, 10min);
    later.event.type = "stuck";
    schedule(later);
    good.push_back(schedule(of(user(2), room_a, 10min + 1ms)));
    clock_.advance(11min);
    const auto late = [&](std::size_t i) -> std::chrono::milliseconds {
      const auto send = std::ranges::find(homeserver_.sends, good[i], &FakeHomeserver::Send::delay_id);
      return send == homeserver_.sends.end() ? 1h : send->arrived - look_up(good[i]).timing.due();
    };
    for (std::size_t i = 0; i < 3; ++i) EXPECT_LE(late(i), Options().longest_hold - i * 10s + 1s + last_waits) << i;
    EXPECT_LE(late(3), 1s + (stuck.time > 0ms ? Options().short_send_timeout : 0ms));
    homeserver_.answer_send = nullptr;
    homeserver_.send_time = nullptr;
    clock_.advance(10min);
    stop(0ms);
  }
}

TEST_F(DeliveryTest, EventsThatAreNeverAnsweredHoldUpTheirRoomHardlyLongerTheMoreTheyAre) {
  constexpr std::size_t many = 40;
  start();
  homeserver_.send_time = [](const auto& send) { return send.event.type == "stuck" ? 1h : 0ms; };
  for (std::size_t i = 0; i < many; ++i) {
    auto bad = of(user(i % 10), room_a, 1s + i * 1ms);
    bad.event.type = "stuck";
    schedule(bad);
  }
  const auto good = schedule(of(user(10), room_a, 2s));
  clock_.advance(Options().longest_hold + Options().send_timeout + many * Options().short_send_timeout + 2s);
  EXPECT_EQ(state(good), State::sent);
}

// What a homeserver has not answered may be in its queue for minutes. That a send failed, it may be slow to say.
TEST_F(DeliveryTest, ARoomThatWaitsNoLongerGoesOnBesideAnAnswerThatIsStillHeard) {
  start();
  homeserver_.may_queue = true;
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (send.event.type == "stuck") return timed_out();
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  auto bad = of(user(0), room_a, 1s);
  bad.event.type = "stuck";
  schedule(bad);
  clock_.advance(10min);
  homeserver_.sends.clear();

  const auto slow = schedule(of(user(1), room_a, 1s));
  const auto behind = schedule(of(user(2), room_a, 1s + 1ms));
  homeserver_.send_time = [&](const auto& send) { return send.delay_id == slow ? 3s : 0ms; };
  std::size_t tries = 0;
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (send.delay_id == slow && ++tries == 1) return timed_out();
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  clock_.advance(1s + Options().short_send_timeout - 1ms);
  EXPECT_EQ(state(behind), State::scheduled);
  clock_.advance(2ms);
  EXPECT_EQ(state(behind), State::sent);
  clock_.advance(20s);
  EXPECT_EQ(state(slow), State::sent);
  EXPECT_EQ(std::ranges::count(sent(), slow), 2);
}

TEST_F(DeliveryTest, ARoomThatWaitsNoLongerGoesOnAtOnceAfterAnAnswer) {
  start();
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (send.event.type == "stuck") return timed_out();
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  auto bad = event(room_a, 1s);
  bad.event.type = "stuck";
  schedule(bad);
  clock_.advance(10min);
  homeserver_.sends.clear();

  std::vector<DelayId> good;
  for (int i = 0; i < 10; ++i) good.push_back(schedule(of(user(1), room_a, 1s + i * 1ms)));
  homeserver_.send_time = [](const auto&) { return 10ms; };
  clock_.advance(1s + 10 * 10ms);
  EXPECT_EQ(sent(), good);
  for (const auto id : good) EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, WhatIsSentOnRequestAndNeverAnsweredFailsAfterADay) {
  for (const Stuck& stuck : stuck_answers) {
    const auto expected = stuck.answer();
    if (!std::holds_alternative<homeserver::Unclear>(expected)) continue;  // it is said at once that it was not sent
    SCOPED_TRACE(stuck.name);
    start(for_a_day);
    homeserver_.answer_send = [&](const auto&) { return stuck.answer(); };
    const auto requested = schedule(room_a, 1h);
    std::optional<SendNowAnswer> answer;
    async::TaskGroup asking(executor());
    asking.spawn("sending now", send_now_into(requested, answer));
    clock_.advance(1min);
    EXPECT_TRUE(std::holds_alternative<NotSent>(answer.value()));
    clock_.advance(24h + 50min);
    EXPECT_EQ(state(requested), State::sending);
    clock_.advance(20min);
    EXPECT_EQ(state(requested), State::failed);
    stop(0ms);
  }
}

TEST_F(DeliveryTest, WhatIsNotLetThroughCanBeCancelledOrRestarted) {
  start();
  for (const Stuck& stuck : stuck_answers) {
    SCOPED_TRACE(stuck.name);
    homeserver_.answer_send = [&](const auto&) { return stuck.answer(); };
    const auto cancelled = schedule(room_a, 1s);
    const auto restarted = schedule(room_b, 1s);
    clock_.advance(10min);
    // It is being looked for some of the time, and both can be had as soon as that has ended.
    while (cancel(cancelled) == Effect::wait) clock_.advance(1s);
    while (restart(restarted) == Effect::wait) clock_.advance(1s);
    const auto before = homeserver_.sends.size();
    homeserver_.answer_send = nullptr;
    clock_.advance(1s - 1ms);
    EXPECT_EQ(homeserver_.sends.size(), before);
    clock_.advance(10min);
    EXPECT_EQ(state(cancelled), State::cancelled);
    EXPECT_EQ(state(restarted), State::sent);
  }
}

TEST_F(DeliveryTest, WhatIsSetAsideCanBeSentOnRequestDuringAnOutage) {
  start();
  homeserver_.answer_send = [](const auto&) { return not_let_through(404); };
  const auto id = schedule(1s);
  clock_.advance(4min);
  ASSERT_EQ(state(id), State::scheduled);  // aside, until it is tried again
  homeserver_.answer_send = [](const auto&) { return timed_out(); };
  homeserver_.answer_look = [](const auto&) { return cannot_tell(); };
  homeserver_.way_is_open = false;
  EXPECT_TRUE(std::holds_alternative<NotSent>(send_now(id)));
  clock_.advance(1h);
  EXPECT_EQ(state(id), State::sending);
  homeserver_.answer_send = nullptr;
  homeserver_.answer_look = nullptr;
  homeserver_.way_is_open = true;
  clock_.advance(10min);
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, WhatIsSetAsideAndRefusedOnRequestStaysScheduled) {
  start();
  homeserver_.answer_send = [](const auto&) { return not_let_through(404); };
  const auto id = schedule(1s);
  clock_.advance(4min);
  ASSERT_EQ(state(id), State::scheduled);
  homeserver_.answer_send = [](const auto& send) {
    return send.attempt.on_request ? refused(403, "M_FORBIDDEN") : not_let_through(404);
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(std::get<domain::HomeserverError>(send_now(id)).status, 403);
    clock_.advance(1min);
  }
  EXPECT_EQ(state(id), State::scheduled);
  homeserver_.answer_send = nullptr;
  clock_.advance(10min);
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, AfterAnOutageOfTwoDaysNothingFailsForBeingLate) {
  start();
  homeserver_.answer_send = [](const auto&) { return timed_out(); };
  const auto id = schedule(1s);
  const auto untried = schedule(room_b, 1min);
  clock_.advance(5s);
  homeserver_.is_away = true;
  homeserver_.answer_look = [](const auto&) { return cannot_tell(); };
  clock_.advance(48h);
  homeserver_.is_away = false;
  homeserver_.answer_look = nullptr;
  homeserver_.next_answers = {answered_without_outcome(502), answered_without_outcome(502)};
  homeserver_.answer_send = nullptr;
  clock_.advance(2min);
  EXPECT_EQ(state(id), State::sent);
  EXPECT_EQ(state(untried), State::sent);
}

TEST_F(DeliveryTest, ManySlowEventsOfOneOwnerHoldUpNobodyElse) {
  start();
  homeserver_.send_time = [](const auto& send) { return send.event.user_id == alice ? 60s : 0s; };
  for (int i = 0; i < 40; ++i) schedule(RoomId("!" + std::to_string(i)), 1s);
  const auto leave = schedule(of(user(1), room_b, 2s));
  clock_.advance(2s);
  EXPECT_EQ(state(leave), State::sent);
}

TEST_F(DeliveryTest, WhatIsBeyondAnOwnersLimitFailsOrStaysScheduled) {
  start({.owner_limit = Rate{1, 3}});
  std::vector<DelayId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(schedule(1s));
  const auto bobs = schedule(of(user(1), room_b, 1s));
  const auto requested = schedule(1h);
  clock_.advance(1s);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(state(ids[i]), State::sent);
  for (int i = 3; i < 5; ++i) EXPECT_EQ(failed_with(ids[i]), 429);
  EXPECT_EQ(state(bobs), State::sent);
  EXPECT_EQ(std::get<domain::HomeserverError>(send_now(requested)).status, 429);
  EXPECT_EQ(state(requested), State::scheduled);
  clock_.advance(1s);
  EXPECT_TRUE(std::holds_alternative<Sent>(send_now(requested)));
}

TEST_F(DeliveryTest, SlowEventsOfSeveralOwnersHoldUpNobodyElse) {
  start();
  homeserver_.send_time = [](const auto& send) { return send.event.room_id == room_b ? 0s : 60s; };
  for (int i = 0; i < 100; ++i) schedule(of(user(i % 5), RoomId("!" + std::to_string(i)), 1s));
  const auto leave = schedule(of(user(9), room_b, 2s));
  clock_.advance(2s);
  EXPECT_EQ(state(leave), State::sent);
}

TEST_F(DeliveryTest, SevenOwnersWhoseEventsHangHoldUpNobodyElse) {
  start();
  homeserver_.send_time = [](const auto& send) { return send.event.room_id == room_b ? 0s : 30s; };
  for (int i = 0; i < 56; ++i) {
    schedule(of(user(i / 8), RoomId("!" + std::to_string(i)), 1s + i * 10ms));
  }
  const auto leave = schedule(of(user(8), room_b, 2s));
  clock_.advance(2s);
  EXPECT_EQ(state(leave), State::sent);
}

TEST_F(DeliveryTest, WhatIsNewWaitsForNoRetries) {
  start();
  homeserver_.answer_send = [](const auto& send) -> homeserver::SendAnswer {
    if (send.event.room_id != room_b) return timed_out();
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  homeserver_.look_time = 30s;
  for (int i = 0; i < 60; ++i) schedule(of(user(i), RoomId("!" + std::to_string(i)), 1s));
  clock_.advance(5s);
  const auto leave = schedule(of(user(0), room_b, 1s));
  clock_.advance(1s);
  EXPECT_EQ(state(leave), State::sent);
}

// --- Errors that nobody expects ---

TEST_F(DeliveryTest, ASendThatThrowsLosesNeitherItsPlaceNorItsRoom) {
  start({.max_concurrent_sends = 1});
  int throws = 3;
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (throws-- > 0) throw std::runtime_error("a bug");
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  const auto first = schedule(room_a, 1s);
  const auto behind = schedule(room_a, 2s);
  const auto other = schedule(room_b, 3s);
  clock_.advance(1s);
  EXPECT_EQ(state(first), State::sending);
  EXPECT_EQ(cancel(first), Effect::wait);
  clock_.advance(1min);
  for (const auto id : {first, behind, other}) EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, WhatThrewIsLookedForBeforeItIsSentAgain) {
  start();
  int throws = 1;
  homeserver_.answer_send = [&](const auto&) -> homeserver::SendAnswer {
    if (throws-- > 0) throw std::runtime_error("a bug");
    return homeserver::Sent{domain::EventId("$twice")};
  };
  homeserver_.answer_look = [](const auto&) { return in_the_room("$once"); };
  const auto id = schedule(1s);
  clock_.advance(1min);
  EXPECT_THAT(sent(), ElementsAre(id));
  EXPECT_EQ(std::get<domain::EventId>(look_up(id).finalised->outcome).value, "$once");
}

TEST_F(DeliveryTest, ALookThatThrowsIsRepeated) {
  start();
  homeserver_.next_answers = {timed_out()};
  int throws = 3;
  homeserver_.answer_look = [&](const auto&) -> homeserver::LookAnswer {
    if (throws-- > 0) throw std::runtime_error("a bug");
    return in_the_room("$there");
  };
  const auto id = schedule(1s);
  clock_.advance(1min);
  EXPECT_THAT(sent(), ElementsAre(id));
  EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, ASendOnRequestThatThrowsIsLookedFor) {
  start();
  int throws = 1;
  homeserver_.answer_send = [&](const auto& send) -> homeserver::SendAnswer {
    if (throws-- > 0) throw std::runtime_error("a bug");
    return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
  };
  const auto id = schedule(1h);
  EXPECT_TRUE(std::holds_alternative<Sent>(send_now(id)));
  EXPECT_EQ(state(id), State::sent);
  EXPECT_THAT(sent(), ElementsAre(id, id));
}

TEST_F(DeliveryTest, AStoreThatThrowsStopsNoTimersAndNoAdoption) {
  start();
  const auto id = schedule(1s);
  store_->throws = true;
  clock_.advance(30s);
  EXPECT_THAT(sent(), IsEmpty());
  store_->throws = false;
  clock_.advance(1min);
  EXPECT_EQ(state(id), State::sent);
}

// --- The homeserver's outage, in which clients were not heard either ---

TEST_F(DeliveryTest, ClientsThatCouldNotReachUsEitherHaveTheGraceAfterAnOutageOfTheHomeserver) {
  start({.last_retry = 1s, .start_grace = 10s});
  clock_.advance(10s);
  const auto first = schedule(room_a, 12s);
  const auto second = schedule(room_b, 12s);
  homeserver_.is_away = true;
  clock_.advance(1min);
  homeserver_.is_away = false;
  clock_.advance(9s);
  EXPECT_THAT(sent(), IsEmpty());
  clock_.advance(3s);  // it ends by itself
  EXPECT_THAT(sent(), ElementsAre(first, second));
}

TEST_F(DeliveryTest, AfterAnOutageOfTheHomeserverTheGraceBeginsWhenClientsAreHeardAgain) {
  start({.last_retry = 1s, .start_grace = 10s});
  clock_.advance(10s);
  const auto living = schedule(room_a, 12s);
  const auto gone = schedule(room_b, 12s);
  const auto other = schedule(RoomId("!c:example.org"), 1h);
  homeserver_.is_away = true;
  clock_.advance(1min);
  homeserver_.is_away = false;
  clock_.advance(8s);
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(restart(other), Effect::perform);
  delivery_->restarted(other, clock_.now() + 1h);
  clock_.advance(8s);
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_EQ(restart(living), Effect::perform);
  delivery_->restarted(living, clock_.now() + 12s);
  clock_.advance(2s);
  EXPECT_THAT(sent(), ElementsAre(gone));
  clock_.advance(10s);
  EXPECT_THAT(sent(), ElementsAre(gone, living));
}

TEST_F(DeliveryTest, AnOutageInWhichClientsWereHeardDelaysNoLeave) {
  start({.last_retry = 1s, .start_grace = 10s});
  clock_.advance(10s);
  const auto living = schedule(room_a, 12s);
  const auto gone = schedule(room_b, 12s);
  homeserver_.is_away = true;
  for (int i = 0; i < 12; ++i) {
    clock_.advance(5s);
    EXPECT_EQ(restart(living), Effect::perform);
    delivery_->restarted(living, clock_.now() + 12s);
  }
  homeserver_.is_away = false;
  clock_.advance(2s);
  EXPECT_THAT(sent(), ElementsAre(gone));
}

TEST_F(DeliveryTest, AHomeserverWithoutClearAnswersIsNotSentEverythingThatIsDue) {
  start();
  homeserver_.answer_send = [](const auto&) { return timed_out(); };
  homeserver_.answer_look = [](const auto&) { return cannot_tell(); };
  homeserver_.way_is_open = false;
  std::vector<DelayId> ids;
  for (int i = 0; i < 40; ++i) {
    ids.push_back(schedule(RoomId("!" + std::to_string(i) + ":example.org"), 1s + 200ms * i));
  }
  clock_.advance(10min);
  const auto untouched =
      std::count_if(ids.begin(), ids.end(), [&](DelayId id) { return state(id) == State::scheduled; });
  EXPECT_GT(untouched, 30);
  EXPECT_EQ(restart(ids.back()), Effect::perform);  // heartbeats are honoured meanwhile

  homeserver_.answer_send = nullptr;
  homeserver_.answer_look = nullptr;
  homeserver_.way_is_open = true;
  clock_.advance(10min);
  for (const auto id : ids) EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, AGatewayWideRateLimitIsWaitedOut) {
  start();
  homeserver_.next_answers = {homeserver::NotArrived{"rate limited", 20s}};
  const auto id = schedule(1s);
  clock_.advance(20s);
  EXPECT_THAT(sent(), ElementsAre(id));
  clock_.advance(2s);
  EXPECT_EQ(state(id), State::sent);
}

// --- Our own outage ---

TEST_F(DeliveryTest, ClientsMayRestartWhatCameDueWhileWeWereDown) {
  const auto living = schedule(12s);
  const auto gone = schedule(12s);
  clock_.advance(20s);
  start({.start_grace = 10s});
  clock_.advance(4s);
  EXPECT_EQ(restart(living), Effect::perform);
  clock_.advance(6s - 1ms);
  EXPECT_THAT(sent(), IsEmpty());
  clock_.advance(1ms);
  EXPECT_THAT(sent(), ElementsAre(gone));
  clock_.advance(6s);
  EXPECT_THAT(sent(), ElementsAre(gone, living));
}

// Whoever is alive restarts it within its delay.
TEST_F(DeliveryTest, TheGraceHoldsNothingForLongerThanItsOwnDelay) {
  const auto message = schedule(room_a, 900ms);
  auto state_event = event(room_b, 900ms);
  state_event.event.kind = domain::EventKind::state;
  schedule(state_event);
  const auto long_delay = schedule(RoomId("!c:example.org"), 1h);
  clock_.advance(2h);
  start({.start_grace = 10s});
  clock_.advance(900ms - 1ms);
  EXPECT_THAT(sent(), IsEmpty());
  clock_.advance(1ms);
  EXPECT_THAT(sent(), ElementsAre(message, state_event.delay_id));
  clock_.advance(10s - 900ms - 1ms);
  EXPECT_EQ(state(long_delay), State::scheduled);
  clock_.advance(1ms);
  EXPECT_EQ(state(long_delay), State::sent);
}

TEST_F(DeliveryTest, TheGraceBeginsWhenAllIsTakenOver) {
  const auto living = schedule(12s);
  const auto gone = schedule(12s);
  clock_.advance(20s);
  store_->adopt_answers = 30s;
  start({.start_grace = 10s});
  store_->adopt_answers = 0s;
  clock_.advance(9s);
  EXPECT_EQ(restart(living), Effect::perform);
  EXPECT_THAT(sent(), IsEmpty());
  clock_.advance(1s);
  EXPECT_THAT(sent(), ElementsAre(gone));
}

TEST_F(DeliveryTest, ClientsMayRestartWhatCameDueWhileTheDatabaseWasAway) {
  start({.start_grace = 10s});
  clock_.advance(10s);
  const auto living = schedule(12s);
  const auto gone = schedule(12s);
  const auto due_after_it = schedule(21s);
  store_->disk_is_full = true;
  clock_.advance(20s);
  store_->disk_is_full = false;
  clock_.advance(1s);
  const auto fresh = schedule(1s);
  EXPECT_EQ(restart(living), Effect::perform);
  clock_.advance(8s);
  EXPECT_THAT(sent(), ElementsAre(fresh));
  clock_.advance(2s);
  EXPECT_THAT(sent(), ElementsAre(fresh, gone, due_after_it));
  clock_.advance(2s);
  EXPECT_THAT(sent(), ElementsAre(fresh, gone, due_after_it, living));
}

TEST_F(DeliveryTest, WhatTheDatabaseCouldNotOnceIsNoOutage) {
  start({.start_grace = 10s});
  clock_.advance(10s);
  const auto id = schedule(1s);
  store_->disk_is_full = true;
  clock_.advance(1s);
  store_->disk_is_full = false;
  clock_.advance(999ms);
  EXPECT_THAT(sent(), ElementsAre(id));
}

TEST_F(DeliveryTest, TheGraceDelaysNothingThatIsScheduledOrRestartedInIt) {
  const auto restarted = schedule(2s);
  clock_.advance(20s);
  start({.start_grace = 10s});
  clock_.advance(1s);
  EXPECT_EQ(restart(restarted), Effect::perform);
  delivery_->restarted(restarted, clock_.now() + 2s);
  const auto fresh = schedule(1s);
  clock_.advance(1s);
  EXPECT_THAT(sent(), ElementsAre(fresh));
  clock_.advance(1s);
  EXPECT_THAT(sent(), ElementsAre(fresh, restarted));
}

TEST_F(DeliveryTest, AfterTheGraceWhatIsOverdueLeavesInTheOrderOfTime) {
  std::vector<DelayId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(schedule(RoomId("!" + std::to_string(i) + ":example.org"), 5s - 1s * i));
  std::reverse(ids.begin(), ids.end());
  clock_.advance(1min);
  start({.max_concurrent_sends = 1, .start_grace = 10s});
  clock_.advance(10s);
  EXPECT_EQ(sent(), ids);
}

TEST_F(DeliveryTest, HoweverMuchIsOverdueTheEarliestLeavesFirst) {
  std::vector<domain::NewDelayedEvent> events;
  for (int i = 0; i < 1500; ++i) {
    events.push_back(event(room_a, 10s - Milliseconds(i)));
    events.back().delay_id = DelayId(DelayId::Bytes{static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i)});
  }
  async::TaskGroup clients(executor());
  for (const auto& made : events) clients.spawn("a client", keep(made));
  clock_.run(clients.join());
  clock_.advance(1min);
  homeserver_.send_time = [](const auto&) { return 1h; };
  start({.start_grace = 10s});
  clock_.advance(10s);
  EXPECT_THAT(sent(), ElementsAre(events.back().delay_id));
}

TEST_F(DeliveryTest, DrainFinishesWhatIsUnderWayAndStartsNothing) {
  start();
  homeserver_.send_time = [](const auto&) { return 2s; };
  const auto under_way = schedule(1s);
  const auto next = schedule(1500ms);
  clock_.advance(2s);
  const auto before = clock_.steady_now();
  clock_.run(delivery_->drain(10s));
  EXPECT_EQ(clock_.steady_now() - before, 1s);
  EXPECT_EQ(state(under_way), State::sent);
  clock_.advance(1min);
  EXPECT_EQ(state(next), State::scheduled);
  EXPECT_THAT(sent(), ElementsAre(under_way));
}

TEST_F(DeliveryTest, DrainHasALimitAndTheNextStartGoesOn) {
  start();
  homeserver_.send_time = [](const auto&) { return 20s; };
  const auto id = schedule(1s);
  clock_.advance(2s);
  const auto before = clock_.steady_now();
  stop(5s);
  EXPECT_EQ(clock_.steady_now() - before, 5s);
  EXPECT_EQ(state(id), State::sending);

  homeserver_.send_time = nullptr;
  start();
  clock_.advance(10s);
  EXPECT_EQ(state(id), State::sent);
  EXPECT_EQ(homeserver_.sends[0].attempt.origin_server_ts, homeserver_.sends[1].attempt.origin_server_ts);
}

TEST_F(DeliveryTest, DrainDoesNotWaitForRetries) {
  start();
  homeserver_.answer_send = [](const auto&) { return timed_out(); };
  const auto id = schedule(1s);
  std::optional<SendNowAnswer> answer;
  const auto requested = schedule(room_b, 1h);
  async::TaskGroup callers(executor());
  callers.spawn("caller", send_now_into(requested, answer));
  clock_.advance(10s);
  clock_.run(delivery_->drain(1h), 0ms);
  clock_.run(callers.join(), 0ms);
  EXPECT_TRUE(std::holds_alternative<NotSent>(*answer));
  EXPECT_EQ(state(id), State::sending);
}

// --- Clock and store ---

// Somebody sets the wall clock, by far more than the delays.
constexpr std::chrono::milliseconds steps[] = {5h, -5h};

TEST_F(DeliveryTest, WhoeverSetsTheClockMakesNothingEarlyOrLate) {
  start();
  for (const auto step : steps) {
    SCOPED_TRACE(step.count());
    homeserver_.sends.clear();
    const auto untouched = schedule(room_a, 10s);
    const auto restarted_before = schedule(room_b, 10s);
    const auto restarted_after = schedule(RoomId("!c:example.org"), 10s);
    clock_.advance(2s);
    EXPECT_EQ(restart(restarted_before), Effect::perform);
    clock_.advance(2s);
    clock_.step_wall(step);
    clock_.advance(2s);
    EXPECT_EQ(restart(restarted_after), Effect::perform);
    clock_.advance(4s - 1ms);
    EXPECT_THAT(sent(), IsEmpty());
    clock_.advance(1ms);
    EXPECT_THAT(sent(), ElementsAre(untouched));
    clock_.advance(2s - 1ms);
    EXPECT_THAT(sent(), ElementsAre(untouched));
    clock_.advance(1ms);
    EXPECT_THAT(sent(), ElementsAre(untouched, restarted_before));
    clock_.advance(4s - 1ms);
    EXPECT_THAT(sent(), ElementsAre(untouched, restarted_before));
    clock_.advance(1ms);
    EXPECT_THAT(sent(), ElementsAre(untouched, restarted_before, restarted_after));
  }
}

TEST_F(DeliveryTest, AClockThatIsSetAllTheTimeMakesNoStorm) {
  start();
  const auto id = schedule(1min);
  for (int i = 0; i < 59; ++i) {
    clock_.advance(1s);
    clock_.step_wall(steps[i % 2]);
  }
  EXPECT_THAT(sent(), IsEmpty());
  clock_.advance(1s);
  EXPECT_THAT(sent(), ElementsAre(id));
  clock_.advance(24h);
  EXPECT_THAT(sent(), ElementsAre(id));
}

TEST_F(DeliveryTest, WhatWaitsInItsRoomWhileTheClockIsSetLeavesInItsTurn) {
  start();
  homeserver_.send_time = [](const auto&) { return 10s; };
  for (const auto step : steps) {
    homeserver_.sends.clear();
    const auto blocking = schedule(1s);
    const auto waiting = schedule(2s);
    clock_.advance(3s);
    clock_.step_wall(step);
    clock_.advance(8s - 1ms);
    EXPECT_THAT(sent(), ElementsAre(blocking));
    clock_.advance(1ms);
    EXPECT_THAT(sent(), ElementsAre(blocking, waiting));
    clock_.advance(1min);
  }
}

TEST_F(DeliveryTest, WhatIsOverdueWhileTheClockIsSetLeavesWhenTheHomeserverIsBack) {
  start();
  for (const auto step : steps) {
    bool away = true;
    homeserver_.answer_send = [&away](const auto& send) -> homeserver::SendAnswer {
      if (away) return connection_refused();
      return homeserver::Sent{domain::EventId("$" + send.delay_id.to_string())};
    };
    const auto overdue = schedule(1s);
    const auto restarted = schedule(room_b, 1s);
    clock_.advance(10s);
    clock_.step_wall(step);
    EXPECT_EQ(restart(restarted), Effect::perform);
    away = false;
    clock_.advance(1min);
    EXPECT_EQ(state(overdue), State::sent);
    EXPECT_EQ(state(restarted), State::sent);
  }
}

TEST_F(DeliveryTest, TheTimestampIsWallTimeAsItIsWhenItIsSent) {
  start();
  for (const auto step : steps) {
    homeserver_.sends.clear();
    schedule(10s);
    const auto requested = schedule(room_b, 1h);
    clock_.advance(4s);
    clock_.step_wall(step);
    const WallTime wall = clock_.machine_time().wall;
    clock_.advance(6s);
    ASSERT_EQ(homeserver_.sends.size(), 1u);
    EXPECT_EQ(homeserver_.sends[0].attempt.origin_server_ts, wall + 6s);
    EXPECT_TRUE(std::holds_alternative<Sent>(send_now(requested)));
    EXPECT_EQ(homeserver_.sends[1].attempt.origin_server_ts, wall + 6s);
  }
}

TEST_F(DeliveryTest, AnAttemptKeepsItsTimestampWhenTheClockIsSetAlsoAfterARestart) {
  start();
  homeserver_.answer_send = [](const auto&) { return timed_out(); };
  const auto id = schedule(1s);
  const WallTime due = clock_.machine_time().wall + 1s;
  clock_.advance(1s);
  for (const auto step : steps) {
    clock_.step_wall(step);
    clock_.advance(1min);
  }
  stop(0ms);
  clock_.step_wall(5h);
  ASSERT_TRUE(clock_.run(store::restore_server_time(clock_, *store_)));
  homeserver_.answer_send = nullptr;
  start();
  clock_.advance(1min);
  EXPECT_EQ(state(id), State::sent);
  EXPECT_GT(homeserver_.sends.size(), 3u);
  for (const auto& send : homeserver_.sends) EXPECT_EQ(send.attempt.origin_server_ts, due);
}

TEST_F(DeliveryTest, AnApplicationServicesTimestampIsItsOwnWhateverTheClock) {
  start();
  auto massaged = event(room_a, 1s);
  massaged.event.origin_server_ts = wall_from_ms(42);
  schedule(massaged);
  clock_.step_wall(5h);
  clock_.advance(1s);
  ASSERT_EQ(homeserver_.sends.size(), 1u);
  EXPECT_EQ(homeserver_.sends[0].attempt.origin_server_ts, wall_from_ms(42));
}

TEST_F(DeliveryTest, AClockThatIsSetWhileWeAreAwayMakesNothingEarlyOrLate) {
  ASSERT_TRUE(clock_.run(store::restore_server_time(clock_, *store_)));
  start();
  for (const auto step : steps) {
    for (const bool boot : {false, true}) {
      SCOPED_TRACE(step.count());
      homeserver_.sends.clear();
      const auto overdue = schedule(room_a, 10s);
      const auto coming = schedule(room_b, 1min);
      clock_.advance(5s);
      clock_.step_wall(step);
      if (boot) {
        ASSERT_TRUE(clock_.run(store_->save_time(clock_.machine_time())));
      }
      stop(0ms);
      if (boot) {
        clock_.boot(25s);
      } else {
        clock_.advance(25s);
      }
      ASSERT_TRUE(clock_.run(store::restore_server_time(clock_, *store_)));
      start();
      clock_.advance(30s - 1ms);
      EXPECT_THAT(sent(), ElementsAre(overdue));
      clock_.advance(1ms);
      EXPECT_THAT(sent(), ElementsAre(overdue, coming));
    }
  }
}

TEST_F(DeliveryTest, WhatBecameDueWhileTheMachineSleptLeavesSoon) {
  start();
  const auto id = schedule(2h);
  const auto later = schedule(room_b, 4h);
  clock_.advance(1min);
  clock_.suspend(3h);
  clock_.advance(1s);
  EXPECT_THAT(sent(), ElementsAre(id));
  clock_.advance(1h - 1min - 1s - 1ms);
  EXPECT_THAT(sent(), ElementsAre(id));
  clock_.advance(1ms);
  EXPECT_THAT(sent(), ElementsAre(id, later));
}

TEST_F(DeliveryTest, AFullDiskLosesNothing) {
  start();
  homeserver_.send_time = [](const auto&) { return 1s; };
  const auto finalised_later = schedule(room_a, 1s);
  const auto claimed_later = schedule(room_a, 1500ms);
  const auto looked_at_later = schedule(room_b, 3s);
  clock_.advance(1800ms);
  store_->disk_is_full = true;
  clock_.advance(10s);
  EXPECT_EQ(state(finalised_later), State::sending);
  EXPECT_EQ(state(claimed_later), State::scheduled);
  EXPECT_EQ(state(looked_at_later), State::scheduled);
  store_->disk_is_full = false;
  clock_.advance(1min);
  EXPECT_EQ(homeserver_.sends.size(), 3u);
  for (const auto id : {finalised_later, claimed_later, looked_at_later}) EXPECT_EQ(state(id), State::sent);
}

TEST_F(DeliveryTest, HoweverLongTheStoreWasAwayItIsNoticedSoonThatItIsBack) {
  start();
  const auto claimed_later = schedule(room_a, 1s);
  clock_.advance(900ms);
  store_->disk_is_full = true;
  const auto looked_at_later = schedule(room_b, 500ms);
  clock_.advance(1min);
  EXPECT_THAT(sent(), IsEmpty());
  store_->disk_is_full = false;
  clock_.advance(2s);
  EXPECT_THAT(sent(), ::testing::UnorderedElementsAre(claimed_later, looked_at_later));
}

}  // namespace
}  // namespace afterword::delivery
