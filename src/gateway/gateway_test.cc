// The whole way of a request that is ours, with a homeserver that does what the test says.
#include "gateway/gateway.h"

#include "async/task_group.h"
#include "async/testing/manual_clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/testing/temporary_folder.h"
#include "homeserver/testing/fake_homeserver.h"
#include "store/testing/hindered_store.h"
#include "store/testing/open_sqlite.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace afterword::gateway {
namespace {

using namespace std::chrono_literals;
using homeserver::Credentials;
using homeserver::Identity;
using homeserver::Unreachable;
using homeserver::WhoamiAnswer;

const std::string c = "/_matrix/client";
const std::string u = c + "/unstable/org.matrix.msc4140";
const std::string hour = R"({"delay_ms":3600000,"content":{}})";
const domain::UserId alice("@alice:example.org");

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() {
    auto opened = store::testing::open_sqlite(executor(), folder_ / "afterword.db");
    store_ = std::make_unique<store::testing::HinderedStore>(clock_, std::move(opened));
    delivery_ = std::make_unique<delivery::Delivery>(executor(), clock_, *store_, homeserver_);
    senders_ = std::make_unique<store::KnownSenders>(clock_, *store_);
    context_ = std::make_unique<api::Context>(api::Context{clock_, *senders_, *delivery_, {}});
    gateway_ = std::make_unique<Gateway>(*context_, *senders_, tokens_, http_, http_, Options{});
    homeserver_.tokens = {{"alices", Identity{alice, domain::DeviceId("PHONE")}},
                          {"bobs", Identity{domain::UserId("@bob:example.org"), domain::DeviceId("LAPTOP")}}};
    if (!clock_.run(delivery_->start())) throw std::runtime_error("delivery does not start");
  }
  ~GatewayTest() override {
    clock_.run(waiting_.join());
    clock_.run(delivery_->drain(0ms));
    clock_.run(tokens_.close());
    clock_.run(store_->close());
    store_.reset();
  }

  async::Executor executor() { return clock_.context().get_executor(); }

  static http::Request request(std::string method, std::string target, const std::string& token,
                               std::string body = {}) {
    http::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    if (!token.empty()) request.headers.add("Authorization", "Bearer " + token);
    request.body = std::move(body);
    request.peer = "198.51.100.1";
    request.client = request.peer;
    return request;
  }
  http::Response ask(http::Request request) { return clock_.run(gateway_->handle(std::move(request))); }
  http::Response ask(std::string method, std::string target, const std::string& token, std::string body = {}) {
    return ask(request(std::move(method), std::move(target), token, std::move(body)));
  }
  async::Task<void> answer_later(http::Request request) {
    answers_.push_back(co_await gateway_->handle(std::move(request)));
  }

  std::string schedule(const std::string& token = "alices", const std::string& body = hour) {
    const std::string target =
        c + "/v3/rooms/!room:example.org/delayed_event/m.room.message/" + std::to_string(transactions_++);
    const http::Response response = ask("PUT", target, token, body);
    EXPECT_EQ(response.status, 200) << response.body;
    return *string_member(*parse_json_object(response.body), "delay_id");
  }
  domain::DelayedEvent look_up(const std::string& delay_id) {
    return **clock_.run(store_->look_up(*domain::DelayId::parse(delay_id), std::nullopt));
  }
  domain::State state(const std::string& delay_id) { return look_up(delay_id).state; }

  // The status of each way to restart, and that it came in time.
  int stable_restart(const std::string& delay_id, const std::string& token) {
    return in_time(request("POST", c + "/v1/delayed_events/" + delay_id + "/restart", token, "{}"));
  }
  int unstable_restart(const std::string& delay_id, const std::string& token) {
    const int by_path = in_time(request("POST", u + "/delayed_events/" + delay_id + "/restart", token));
    const int by_body = in_time(request("POST", u + "/delayed_events/" + delay_id, token, R"({"action":"restart"})"));
    EXPECT_EQ(by_path, by_body);
    return by_path;
  }
  int in_time(http::Request restart) {
    const auto start = clock_.steady_now();
    const http::Response response = ask(std::move(restart));
    EXPECT_LT(clock_.steady_now() - start, 2s);
    if (response.status == 503) {
      EXPECT_TRUE(response.headers.find("Retry-After"));
    }
    return response.status;
  }

  afterword::testing::TemporaryFolder folder_;
  async::testing::ManualClock clock_;
  homeserver::testing::FakeHomeserver homeserver_{clock_};
  std::unique_ptr<store::testing::HinderedStore> store_;
  std::unique_ptr<delivery::Delivery> delivery_;
  std::unique_ptr<store::KnownSenders> senders_;
  std::unique_ptr<api::Context> context_;
  homeserver::TokenCache tokens_{executor(), clock_, homeserver_};
  http::Client http_{executor(), http::Origin{false, "127.0.0.1", 1}};
  std::unique_ptr<Gateway> gateway_;
  std::vector<http::Response> answers_;  // of those who are not waited for one by one
  async::TaskGroup waiting_{executor()};
  int transactions_ = 0;
};

// --- What the homeserver is told of a client ---

TEST_F(GatewayTest, AQuestionAboutATokenTellsOfItsClient) {
  http::Request list = request("GET", u + "/delayed_events", "alices");
  list.headers.add("User-Agent", "Element");
  EXPECT_EQ(ask(std::move(list)).status, 200);
  schedule();  // by then it is known whose the token is
  ASSERT_EQ(homeserver_.told_of_clients.size(), 1u);
  EXPECT_EQ(homeserver_.told_of_clients[0].find("X-Forwarded-For"), "198.51.100.1");
  EXPECT_EQ(homeserver_.told_of_clients[0].find("User-Agent"), "Element");
}

// --- The promise of two seconds ---

TEST_F(GatewayTest, RestartsInTimeForWhomItKnowsWhileTheHomeserverHangs) {
  const std::string delay_id = schedule();
  homeserver_.whoami_time = 1min;
  homeserver_.answer_whoami = [](const Credentials&) -> WhoamiAnswer { return Unreachable{"timed out"}; };
  for (const auto silence : {1min, 5min, 50min}) {
    clock_.advance(silence);
    EXPECT_EQ(stable_restart(delay_id, "alices"), 200);
    EXPECT_EQ(unstable_restart(delay_id, "alices"), 200);
    EXPECT_EQ(look_up(delay_id).timing.delayed_since, clock_.now());
  }
}

TEST_F(GatewayTest, TheDelayIdIsRightEnoughToRestartWhileTheHomeserverHangs) {
  const std::string delay_id = schedule();
  homeserver_.whoami_time = 1min;
  clock_.advance(10s);
  EXPECT_EQ(unstable_restart(delay_id, "not-seen-yet"), 200);
  EXPECT_EQ(unstable_restart(delay_id, ""), 200);
  EXPECT_EQ(unstable_restart(domain::DelayId::random().to_string(), "not-seen-yet"), 404);
  EXPECT_EQ(stable_restart(delay_id, "not-seen-yet"), 503);
  EXPECT_EQ(
      in_time(request("POST", u + "/delayed_events/" + delay_id + "/restart?user_id=@alice:example.org&device_id=X",
                      "not-seen-yet")),
      200);
}

TEST_F(GatewayTest, TheDelayIdAloneIsNotRightEnoughForAnythingElse) {
  const std::string delay_id = schedule();
  homeserver_.answer_whoami = [](const Credentials&) -> WhoamiAnswer { return Unreachable{"away"}; };
  const std::string path = u + "/delayed_events/" + delay_id;
  for (const char* action : {"send", "cancel"}) {
    EXPECT_EQ(ask("POST", path + "/" + action, "not-seen-yet").status, 503);
    const std::string body = R"({"action":")" + std::string(action) + "\"}";
    EXPECT_EQ(ask("POST", path, "not-seen-yet", body).status, 503);
  }
  EXPECT_EQ(ask("GET", path, "not-seen-yet").status, 503);
  EXPECT_EQ(ask("GET", u + "/delayed_events", "not-seen-yet").status, 503);
  EXPECT_EQ(state(delay_id), domain::State::scheduled);
  EXPECT_TRUE(homeserver_.sends.empty());
}

TEST_F(GatewayTest, ARefusedTokenRestartsNothing) {
  const std::string delay_id = schedule();
  EXPECT_EQ(unstable_restart(delay_id, "made-up"), 401);
  EXPECT_EQ(stable_restart(delay_id, "made-up"), 401);
  EXPECT_EQ(unstable_restart(delay_id, "bobs"), 404);
}

TEST_F(GatewayTest, ARestartIsAnsweredInTimeWhileItsEventIsBeingSent) {
  const std::string delay_id = schedule("alices", R"({"delay_ms":1000,"content":{}})");
  homeserver_.send_time = [](const auto&) { return 30s; };
  clock_.advance(2s);
  ASSERT_EQ(state(delay_id), domain::State::sending);
  EXPECT_EQ(stable_restart(delay_id, "alices"), 504);
  EXPECT_EQ(unstable_restart(delay_id, ""), 504);
  homeserver_.whoami_time = 1min;
  EXPECT_EQ(unstable_restart(delay_id, "not-seen-yet"), 504);
}

TEST_F(GatewayTest, MadeUpTokensDelayNeitherHeartbeatsNorEvents) {
  const std::string delay_id = schedule();
  const std::string due = schedule("bobs", R"({"delay_ms":1000,"content":{}})");
  homeserver_.whoami_time = 8s;
  for (int i = 0; i < 300; ++i) {
    http::Request flood = request("GET", u + "/delayed_events", "made-up-" + std::to_string(i));
    waiting_.spawn("flood", answer_later(std::move(flood)));
  }
  clock_.settle();
  EXPECT_GE(answers_.size(), 280u);
  for (const http::Response& answer : answers_) {
    EXPECT_EQ(answer.status, 429);
    EXPECT_TRUE(answer.headers.find("Retry-After"));
  }
  const auto start = clock_.steady_now();
  EXPECT_EQ(stable_restart(delay_id, "alices"), 200);
  EXPECT_EQ(clock_.steady_now(), start);
  clock_.advance(1s);
  EXPECT_EQ(state(due), domain::State::sent);
}

TEST_F(GatewayTest, HangingRestartsArePiledUpByNobody) {
  const std::string delay_id = schedule();
  homeserver_.whoami_time = 1min;
  for (int i = 0; i < 1000; ++i) {
    const std::string target = c + "/v1/delayed_events/" + delay_id + "/restart";
    waiting_.spawn("restart", answer_later(request("POST", target, "made-up-" + std::to_string(i))));
  }
  clock_.settle();
  EXPECT_GE(answers_.size(), 980u);
  clock_.advance(2s);
  EXPECT_EQ(answers_.size(), 1000u);
}

// --- Who may do what ---

TEST_F(GatewayTest, SendingAndSchedulingWantARecentAnswer) {
  const std::string delay_id = schedule();
  clock_.advance(31s);
  homeserver_.tokens.erase("alices");
  EXPECT_EQ(ask("POST", c + "/v1/delayed_events/" + delay_id + "/restart", "alices").status, 200);
  EXPECT_EQ(ask("POST", c + "/v1/delayed_events/" + delay_id + "/send", "alices").status, 401);
  const std::string target = c + "/v3/rooms/!room:example.org/delayed_event/m.room.message/t";
  EXPECT_EQ(ask("PUT", target, "alices", hour).status, 401);
  // By then it is known for everything.
  EXPECT_EQ(ask("POST", c + "/v1/delayed_events/" + delay_id + "/restart", "alices").status, 401);
  EXPECT_EQ(state(delay_id), domain::State::scheduled);
}

TEST_F(GatewayTest, HeedsATimeFromWhoSpeaksForOthersAlone) {
  homeserver_.answer_whoami = [](const Credentials& credentials) -> WhoamiAnswer {
    if (credentials.access_token.text() != "service") return Identity{alice, std::nullopt};
    const std::string named = credentials.user_id.value_or("@bot:example.org");
    if (named != "@bot:example.org" && named != alice.value) {
      return domain::HomeserverError{403, R"({"errcode":"M_FORBIDDEN","error":"no"})"};
    }
    return Identity{domain::UserId(named), std::nullopt};
  };
  const auto ts_of = [&](const std::string& token, const std::string& query) {
    const std::string path = c + "/v3/rooms/!room:example.org/delayed_event/m.room.message/";
    const http::Response response = ask("PUT", path + std::to_string(transactions_++) + query, token, hour);
    EXPECT_EQ(response.status, 200) << response.body;
    return look_up(*string_member(*parse_json_object(response.body), "delay_id")).event->origin_server_ts;
  };
  EXPECT_EQ(ts_of("service", "?ts=5"), wall_from_ms(5));
  EXPECT_EQ(ts_of("service", "?ts=5&user_id=@alice:example.org"), wall_from_ms(5));
  // A user's token without a device.
  for (const char* name : {"", "&user_id=@alice:example.org", "&user_id=@bob:example.org", "&device_id=X"}) {
    EXPECT_EQ(ts_of("logged-in-by-an-admin", "?ts=5" + std::string(name)), std::nullopt) << name;
  }
}

TEST_F(GatewayTest, LimitsLookingUpAndListing) {
  const std::string delay_id = schedule();
  for (const std::string& target :
       {c + "/v1/delayed_events/" + delay_id, c + "/v1/delayed_events", u + "/delayed_events"}) {
    int answered = 0;
    while (answered < 1000 && ask("GET", target, "alices").status == 200) ++answered;
    EXPECT_LE(answered, 100) << target;
    const http::Response refused = ask("GET", target, "alices");
    EXPECT_EQ(refused.status, 429);
    EXPECT_TRUE(refused.headers.find("Retry-After"));
    EXPECT_EQ(ask("GET", target, "bobs").status == 429, false);
    clock_.advance(1min);
  }
}

TEST_F(GatewayTest, CountsListsWhileTheyAreMade) {
  constexpr std::size_t megabyte = 1024 * 1024;
  context_->bodies = std::make_shared<http::ByteBudget>(8 * megabyte);  // 7 of them where there is no reserve
  schedule("bobs");
  for (int i = 0; i < 20; ++i)
    schedule("alices", R"({"delay_ms":3600000,"content":{"x":")" + std::string(60'000, 'x') + R"("}})");
  store_->list_answers = 1s;
  const auto statuses = [&](const std::string& target, const std::string& token, int count) {
    answers_.clear();
    for (int i = 0; i < count; ++i) {
      http::Request list = request("GET", target, token);
      list.client = "198.51.100." + std::to_string(i);
      waiting_.spawn("a list", answer_later(std::move(list)));
    }
    clock_.advance(10s);
    std::map<int, int> counts;
    for (const http::Response& response : answers_) ++counts[response.status];
    return counts;
  };
  for (const std::string& target : {u + "/delayed_events", c + "/v1/delayed_events"}) {
    EXPECT_EQ(statuses(target, "bobs", 7), (std::map<int, int>{{200, 7}})) << target;
    EXPECT_EQ(statuses(target, "bobs", 8), (std::map<int, int>{{200, 7}, {503, 1}})) << target;
    answers_.clear();
    EXPECT_EQ(context_->bodies->taken_bytes(), 0u);
  }
  context_->bodies =
      std::make_shared<http::ByteBudget>(24 * megabyte);  // 15 for what is large, 5 of them for one address
  for (const std::string& target : {u + "/delayed_events", c + "/v1/delayed_events"}) {
    EXPECT_EQ(statuses(target, "alices", 3), (std::map<int, int>{{200, 3}})) << target;
    EXPECT_GT(context_->bodies->taken_bytes(), 3 * megabyte) << "until they are handed on";
    EXPECT_GE(statuses(target, "alices", 5)[503], 1) << target;
    answers_.clear();
    EXPECT_EQ(context_->bodies->taken_bytes(), 0u);
  }
}

// An event that is restarted while a list is made may be met a second time, at its new place.
TEST_F(GatewayTest, ListsAnEventOnceThatIsRestartedMeanwhile) {
  std::vector<std::string> delay_ids;
  // Too large to be read all at once.
  for (int i = 0; i < 20; ++i)
    delay_ids.push_back(
        schedule("alices", R"({"delay_ms":3600000,"content":{"x":")" + std::string(20'000, 'x') + R"("}})"));
  clock_.advance(1min);
  store_->list_answers = 1s;
  waiting_.spawn("a list", answer_later(request("GET", u + "/delayed_events", "alices")));
  clock_.settle();
  EXPECT_EQ(ask("POST", c + "/v1/delayed_events/" + delay_ids.front() + "/restart", "alices", "{}").status, 200);
  clock_.advance(10s);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(parse_json_object(answers_[0].body)->at("delayed_events").as_array().size(), 20u);
}

// --- What is refused before it is read ---

TEST_F(GatewayTest, TheTokenComesBeforeTheBody) {
  const std::string garbage(100, '{');
  const std::string schedule_path = "/rooms/!room:example.org/delayed_event/m.room.message/t";
  for (const std::string& token : {std::string(), std::string("made-up")}) {
    EXPECT_EQ(ask("PUT", c + "/v3" + schedule_path, token, garbage).status, 401);
    EXPECT_EQ(ask("PUT", u + schedule_path, token, garbage).status, 401);
    EXPECT_EQ(ask("POST", c + "/v1/delayed_events/x/restart", token, garbage).status, 401);
  }
  EXPECT_EQ(ask("POST", u + "/delayed_events/x", "made-up", garbage).status, 401);
}

TEST_F(GatewayTest, RefusesWhatIsNoText) {
  for (const char* part : {"%ff", "%00", "%c0%af", "%ed%a0%80"}) {
    const std::string bad = part;
    const std::string room = "/rooms/!room:example.org";
    for (const std::string& target : {
             c + "/v3" + room + bad + "/delayed_event/m.x/t",
             c + "/v3" + room + "/delayed_event/m.x" + bad + "/t",
             u + room + "/delayed_event/m.x/t" + bad,
             c + "/v3" + room + "/state/m.x/" + bad + "?org.matrix.msc4140.delay=5",
             c + "/v3" + room + "/delayed_event/m.x/t?ts=" + bad,
         }) {
      const http::Response response = ask("PUT", target, "alices", hour);
      EXPECT_EQ(response.status, 400) << target;
      EXPECT_TRUE(is_valid_utf8(response.body));
    }
    EXPECT_EQ(ask("GET", c + "/v1/delayed_events?type=" + bad, "alices").status, 400);
    EXPECT_EQ(ask("GET", c + "/v1/delayed_events/" + bad, "alices").status, 400);
  }
  EXPECT_TRUE(parse_json(ask("GET", u + "/delayed_events", "alices").body));
}

TEST_F(GatewayTest, NeverPassesADelayOn) {
  // Passed on, it would be answered 502: there is no homeserver.
  const std::string path = c + "/v3/rooms/!room:example.org/send/m.room.message";
  EXPECT_EQ(ask("PUT", path + "/t?x=1;org.matrix.msc4140.delay=5000", "alices", "{}").status, 200);
  http::Request form = request("POST", path, "alices", R"({"a":"&org.matrix.msc4140.delay=5000&"})");
  form.headers.add("Content-Type", "application/x-www-form-urlencoded");
  EXPECT_EQ(ask(std::move(form)).status, 404);
}

TEST_F(GatewayTest, HasAPageForUsersIfItIsOn) {
  EXPECT_EQ(ask("GET", "/_afterword/", "").status, 502);  // it passes through, and there is no homeserver
  EXPECT_EQ(ask("POST", "/_afterword/main.js", "").status, 502);

  Options options;
  options.served_paths = {"/_matrix/client"};
  options.has_user_page = true;
  gateway_ = std::make_unique<Gateway>(*context_, *senders_, tokens_, http_, http_, options);
  const http::Response page = ask("GET", "/_afterword/?loginToken=x", "");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.find("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(ask("HEAD", "/_afterword/main.js", "").status, 200);
  EXPECT_EQ(ask("GET", "/_afterword/index.html", "").status, 404);
  EXPECT_EQ(ask("GET", "/_afterword/nothing.js", "").status, 404);
  EXPECT_EQ(ask("POST", "/_afterword/", "").status, 405);
}

TEST_F(GatewayTest, PassesOnWhatIsServedAlone) {
  Options options;
  options.served_paths = {c};
  gateway_ = std::make_unique<Gateway>(*context_, *senders_, tokens_, http_, http_, options);
  EXPECT_EQ(ask("GET", c + "/v3/sync", "alices").status, 502);  // there is no homeserver
  EXPECT_EQ(ask("GET", "/_synapse/admin/v1/rooms", "alices").status, 404);
  EXPECT_EQ(ask("PUT", "/_matrix/federation/v1/send/1", "", "{}").status, 404);

  options.served_paths = {"/_matrix/media"};
  gateway_ = std::make_unique<Gateway>(*context_, *senders_, tokens_, http_, http_, options);
  EXPECT_EQ(ask("GET", c + "/v3/sync", "alices").status, 404);
  const std::string delay_id = schedule();
  EXPECT_EQ(stable_restart(delay_id, "alices"), 200);
}

// --- A token service for calls, at an address where there is none ---

class GatewayWithSidecarTest : public GatewayTest {
 protected:
  GatewayWithSidecarTest() { make_gateway({}); }

  void make_gateway(RateLimitOptions rate_limits) {
    Options options;
    options.rate_limits = rate_limits;
    options.sidecar = &sidecar_;
    gateway_ = std::make_unique<Gateway>(*context_, *senders_, tokens_, http_, http_, options);
  }
  bool reaches_sidecar(const std::string& target, const std::string& token) {
    const http::Response response = ask("POST", target, token, "{}");
    return response.status == 502 && response.body.find("service for calls") != std::string::npos;
  }

  const std::string get_token_ = c + "/v1/rtc/livekit/get_token";
  Sidecar sidecar_{http_, clock_, {"services", "homeservers", {}, true}, "example.org"};
};

TEST_F(GatewayWithSidecarTest, AsksItForWhomTheHomeserverHasNamedJustNow) {
  EXPECT_TRUE(reaches_sidecar(get_token_, "alices"));
  EXPECT_EQ(ask("POST", get_token_, "made-up", "{}").status, 401);
  EXPECT_EQ(ask("POST", get_token_, "", "{}").status, 401);
  clock_.advance(31s);
  homeserver_.tokens.erase("alices");
  EXPECT_EQ(ask("POST", get_token_, "alices", "{}").status, 401);
}

TEST_F(GatewayWithSidecarTest, AsksItForNobodyWhileTheHomeserverIsAway) {
  EXPECT_TRUE(reaches_sidecar(get_token_, "alices"));
  clock_.advance(31s);
  homeserver_.answer_whoami = [](const Credentials&) -> WhoamiAnswer { return Unreachable{"away"}; };
  EXPECT_EQ(ask("POST", get_token_, "alices", "{}").status, 503);
}

TEST_F(GatewayWithSidecarTest, AsksItNoMoreOftenThanAUserMayLookUp) {
  RateLimitOptions rate_limits;
  rate_limits.look_up = {1, 2};
  make_gateway(rate_limits);
  EXPECT_TRUE(reaches_sidecar(get_token_, "alices"));
  EXPECT_TRUE(reaches_sidecar(get_token_, "alices"));
  EXPECT_EQ(ask("POST", get_token_, "alices", "{}").status, 429);
  EXPECT_TRUE(reaches_sidecar(get_token_, "bobs"));
}

TEST_F(GatewayWithSidecarTest, LeavesItNothingButItsPaths) {
  EXPECT_FALSE(reaches_sidecar(c + "/v1/rtc/transports", "alices"));
  EXPECT_FALSE(reaches_sidecar("/_matrix/federation/v1/rtc/livekit/get_token", "alices"));
  EXPECT_EQ(ask("POST", get_token_ + "?org.matrix.msc4140.delay=5", "alices", "{}").status, 404);
}

}  // namespace
}  // namespace afterword::gateway
