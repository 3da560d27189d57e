// Times as clients see and give them, when somebody sets the wall clock.
#include "api/list.h"
#include "api/look_up.h"
#include "api/manage.h"
#include "api/schedule.h"
#include "async/testing/manual_clock.h"
#include "base/json.h"
#include "base/testing/temporary_folder.h"
#include "homeserver/testing/fake_homeserver.h"
#include "store/testing/open_sqlite.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace afterword::api {
namespace {

using namespace std::chrono_literals;

const domain::UserId alice("@alice:example.org");

class ShownTimes : public ::testing::Test {
 protected:
  ShownTimes() {
    store_ = store::testing::open_sqlite(executor(), folder_ / "afterword.db");
    delivery_ = std::make_unique<delivery::Delivery>(executor(), clock_, *store_, homeserver_);
    context_ = std::make_unique<Context>(Context{clock_, *store_, *delivery_, {}});
    context_->limits.max_scheduled_per_user = std::nullopt;
    if (!clock_.run(delivery_->start())) throw std::runtime_error("delivery does not start");
  }
  ~ShownTimes() override {
    clock_.run(delivery_->drain(0ms));
    clock_.run(store_->close());
    store_.reset();
  }

  async::Executor executor() { return clock_.context().get_executor(); }

  static json::object body_of(const http::Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    return *parse_json_object(response.body);
  }
  std::string schedule(std::chrono::milliseconds delay) {
    ScheduleRequest request;
    request.caller.user_id = alice;
    request.room_id = domain::RoomId("!room:example.org");
    request.type = "m.room.message";
    request.body = R"({"delay_ms":)" + std::to_string(delay.count()) + R"(,"content":{}})";
    return *string_member(body_of(clock_.run(api::schedule(*context_, std::move(request)))), "delay_id");
  }
  json::object manage(const std::string& delay_id, domain::Action action) {
    ManageRequest request;
    request.delay_id = domain::DelayId::parse(delay_id);
    request.action = action;
    return body_of(clock_.run(api::manage(*context_, std::move(request))).response);
  }
  json::object look_up(const std::string& delay_id) {
    LookUpRequest request;
    request.caller = alice;
    request.delay_id = domain::DelayId::parse(delay_id);
    return body_of(clock_.run(api::look_up(*context_, std::move(request))));
  }
  WallTime delayed_since(const std::string& delay_id) {
    return wall_from_ms(look_up(delay_id).at("delayed_since_ts").as_int64());
  }
  WallTime finalised(const std::string& delay_id) {
    return wall_from_ms(look_up(delay_id).at("finalised").at("finalised_ts").as_int64());
  }
  // The events that are scheduled for that span of wall time, and where the next page begins.
  json::object list(std::optional<WallTime> from, std::optional<WallTime> to) {
    ListRequest request;
    request.caller = alice;
    if (from) request.from_ts = std::to_string(to_ms(*from));
    if (to) request.to_ts = std::to_string(to_ms(*to));
    return body_of(clock_.run(api::list(*context_, std::move(request))));
  }
  std::size_t count(std::optional<WallTime> from, std::optional<WallTime> to) {
    return list(from, to).at("delayed_events").as_array().size();
  }
  WallTime wall() { return clock_.machine_time().wall; }

  afterword::testing::TemporaryFolder folder_;
  async::testing::ManualClock clock_;
  homeserver::testing::FakeHomeserver homeserver_{clock_};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<delivery::Delivery> delivery_;
  std::unique_ptr<Context> context_;
};

TEST_F(ShownTimes, FollowTheWallClock) {
  for (const auto step : {5h, -9h}) {
    const std::string scheduled = schedule(20h);
    const std::string cancelled = schedule(1h);
    const std::string sent = schedule(10s);
    EXPECT_EQ(delayed_since(scheduled), wall());
    clock_.advance(10s);
    manage(cancelled, domain::Action::cancel);
    clock_.step_wall(step);
    EXPECT_EQ(delayed_since(scheduled), wall() - 10s);
    EXPECT_EQ(finalised(cancelled), wall());
    EXPECT_EQ(finalised(sent), wall());
    clock_.advance(1s);
    const json::object restarted = manage(scheduled, domain::Action::restart);
    EXPECT_EQ(delayed_since(scheduled), wall());
    EXPECT_EQ(wall_from_ms(restarted.at("send_ts").as_int64()), wall() + 20h);
  }
}

TEST_F(ShownTimes, AnEventIsFoundByTheTimeThatIsShown) {
  const std::string delay_id = schedule(20h);
  for (const auto step : {0h, 5h, -9h}) {
    clock_.step_wall(step);
    const WallTime due = delayed_since(delay_id) + 20h;
    EXPECT_EQ(due, wall() + 20h);
    EXPECT_EQ(count(due, due), 1u);
    EXPECT_EQ(count(due + 1ms, std::nullopt), 0u);
    EXPECT_EQ(count(std::nullopt, due - 1ms), 0u);
    const json::object shown = list(due, due).at("delayed_events").as_array().at(0).as_object();
    EXPECT_EQ(wall_from_ms(shown.at("delayed_since_ts").as_int64()), wall());
  }
}

TEST_F(ShownTimes, APageGoesOnWhereTheLastEndedAlthoughTheClockWasSet) {
  for (int i = 0; i < 150; ++i) schedule(1h + i * 1s);
  json::object page = list(std::nullopt, std::nullopt);
  EXPECT_EQ(page.at("delayed_events").as_array().size(), 100u);
  clock_.step_wall(5h);
  ListRequest next;
  next.caller = alice;
  next.from = *string_member(page, "next_batch");
  page = body_of(clock_.run(api::list(*context_, std::move(next))));
  EXPECT_EQ(page.at("delayed_events").as_array().size(), 50u);
}

}  // namespace
}  // namespace afterword::api
