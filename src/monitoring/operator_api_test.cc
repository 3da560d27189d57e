#include "monitoring/operator_api.h"

#include "async/testing/manual_clock.h"
#include "base/log.h"
#include "base/testing/temporary_folder.h"
#include "delivery/event_log.h"
#include "homeserver/testing/fake_homeserver.h"
#include "monitoring/operations.h"
#include "store/testing/open_sqlite.h"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace afterword::monitoring {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* token = "a-token-of-an-operator";

class OperatorApiTest : public ::testing::Test {
 protected:
  OperatorApiTest() {
    EXPECT_TRUE(clock_.run(delivery_.start()));
    readiness_.begin();
  }
  ~OperatorApiTest() override {
    clock_.run(delivery_.drain(0ms));
    clock_.run(readiness_.close());
    clock_.run(store_->close());
  }

  http::Response send(http::Request request) { return clock_.run(operations_.handle(std::move(request))); }
  static http::Request request(std::string method, std::string target, std::string body = "") {
    http::Request made;
    made.method = std::move(method);
    made.target = "/api/v1/" + std::move(target);
    made.headers = {{"Host", "127.0.0.1:9009"}, {"Authorization", std::string("Bearer ") + token}};
    made.body = std::move(body);
    return made;
  }
  http::Response get(std::string target) { return send(request("GET", std::move(target))); }
  http::Response post(std::string target, std::string body) {
    return send(request("POST", std::move(target), std::move(body)));
  }
  static json::object body_of(const http::Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    return parse_json_object(response.body).value();
  }
  static std::string text(const json::object& object, std::string_view member) {
    return string_member(object, member).value_or("");
  }
  static std::string errcode_of(const http::Response& response) {
    return string_member(parse_json_object(response.body).value_or(json::object()), "errcode").value_or("");
  }
  std::vector<json::object> events(std::string target) {
    std::vector<json::object> found;
    const json::object page = body_of(get(std::move(target)));
    for (const json::value& event : page.at("events").as_array()) {
      found.push_back(event.as_object());
    }
    return found;
  }
  std::vector<std::string> names(std::string target) {
    std::vector<std::string> found;
    for (const json::object& event : events(std::move(target))) found.push_back(*string_member(event, "event"));
    return found;
  }

  domain::DelayId schedule(Milliseconds delay, const std::string& user = "@alice:example.org",
                           const std::string& room = "!a:example.org", const std::string& type = "m.room.message") {
    domain::NewDelayedEvent made;
    made.delay_id = domain::DelayId::random();
    made.event.user_id = domain::UserId(user);
    made.event.room_id = domain::RoomId(room);
    made.event.type = type;
    made.event.content = R"({"body":"nobody's business"})";
    made.timing = {clock_.now(), delay};
    EXPECT_TRUE(clock_.run(store_->schedule(made, std::nullopt)));
    delivery_.expect(made.delay_id, made.timing.due());
    return made.delay_id;
  }
  static std::string name(const domain::DelayId& delay_id) { return delivery::log_name(delay_id); }

  async::testing::ManualClock clock_;
  afterword::testing::TemporaryFolder folder_;
  std::unique_ptr<store::Store> store_ =
      store::testing::open_sqlite(clock_.context().get_executor(), folder_ / "afterword.db");
  homeserver::testing::FakeHomeserver homeserver_{clock_};
  delivery::Delivery delivery_{clock_.context().get_executor(), clock_, *store_, homeserver_, {.start_grace = 0ms}};
  api::Context context_{clock_, *store_, delivery_, {}};
  Readiness readiness_{clock_.context().get_executor(), clock_, *store_};
  OperatorApi api_{context_, readiness_, [] { return json::object(); }, token};
  Operations operations_{[] { return "some metrics"; }, readiness_, api_, true};
};

TEST_F(OperatorApiTest, IsForWhoeverHasTheToken) {
  EXPECT_EQ(get("totals").status, 200);
  const auto with = [&](std::vector<std::string> authorizations) {
    http::Request made = request("GET", "totals");
    made.headers.remove("Authorization");
    for (std::string& value : authorizations) made.headers.add("Authorization", std::move(value));
    return send(std::move(made));
  };
  const std::string right = std::string("Bearer ") + token;
  EXPECT_EQ(with({right}).status, 200);
  EXPECT_EQ(errcode_of(with({right + "x"})), "M_UNKNOWN_TOKEN");
  EXPECT_EQ(errcode_of(with({"Bearer "})), "M_UNKNOWN_TOKEN");
  for (const auto& wrong : std::vector<std::vector<std::string>>{
           {}, {token}, {std::string("Basic ") + token}, {right, right}, {right + "x"}}) {
    const http::Response response = with(wrong);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.headers.find("WWW-Authenticate"), "Bearer");
  }
  http::Request in_query = request("GET", std::string("totals?access_token=") + token);
  in_query.headers.remove("Authorization");
  EXPECT_EQ(send(std::move(in_query)).status, 401);
}

TEST_F(OperatorApiTest, IsOffWithoutAToken) {
  OperatorApi off{context_, readiness_, [] { return json::object(); }, std::nullopt};
  const http::Response response = clock_.run(off.handle(request("GET", "totals")));
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(response.body, HasSubstr("ops.token"));
}

// A page that has its own name lead to this machine, or that asks across origins, gets nothing.
TEST_F(OperatorApiTest, IsForNoPageOfOthers) {
  for (const char* host : {"evil.example", "evil.example:9009", "localhost.evil.example", "", "[::1", "[::1]x:1",
                           "[evil]", "127.0.0.1.evil"}) {
    http::Request made = request("GET", "totals");
    made.headers.set("Host", host);
    EXPECT_EQ(send(std::move(made)).status, 421) << host;
  }
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9009", "10.0.0.1:80"}) {
    http::Request made = request("GET", "totals");
    made.headers.set("Host", host);
    EXPECT_EQ(send(std::move(made)).status, 200) << host;
  }
  EXPECT_EQ(send(request("OPTIONS", "totals")).status, 405);
  for (const http::Response& response : {get("totals"), get("nothing"), post("cancel", "[]")}) {
    for (const http::Header& header : response.headers) EXPECT_FALSE(header.name.starts_with("Access-Control-"));
    EXPECT_EQ(response.headers.find("Cache-Control"), "no-store");
  }
}

TEST_F(OperatorApiTest, HasAConsoleForThisMachine) {
  const auto get_file = [&](const char* target, const char* host) {
    http::Request made;
    made.method = "GET";
    made.target = target;
    made.headers = {{"Host", host}};
    return send(std::move(made));
  };
  for (const char* target : {"/", "/?x", "/console/main.js", "/console/style.css", "/console/icon.svg"}) {
    const http::Response response = get_file(target, "localhost:9009");
    EXPECT_EQ(response.status, 200) << target;
    EXPECT_THAT(std::string(response.headers.find("Content-Security-Policy").value_or("")),
                HasSubstr("default-src 'none'"));
    EXPECT_EQ(get_file(target, "evil.example").status, 421) << target;
  }
  for (const char* target : {"/console/", "/console", "/console/index.html", "/console/none", "/main.js"}) {
    EXPECT_EQ(get_file(target, "localhost").status, 404) << target;
  }
}

TEST_F(OperatorApiTest, KnowsItsRoutesAndMethods) {
  EXPECT_EQ(errcode_of(get("nothing")), "M_UNRECOGNIZED");
  EXPECT_EQ(errcode_of(get("totals/")), "M_UNRECOGNIZED");
  const http::Response response = post("totals", "{}");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.find("Allow"), "GET");
  EXPECT_EQ(get("cancel").headers.find("Allow"), "POST");
  EXPECT_EQ(send(request("PUT", "log_level")).headers.find("Allow"), "GET, POST");
  EXPECT_EQ(send(request("HEAD", "totals")).status, 200);
  EXPECT_EQ(get("events/of_user?user_id=@%ff:b").status, 400);
}

TEST_F(OperatorApiTest, ShowsWhatIsDueNext) {
  EXPECT_THAT(events("events/due"), IsEmpty());
  const auto later = schedule(20s);
  const auto soon = schedule(10s);
  const auto restarted = schedule(1s);
  const auto cancelled = schedule(2s);
  clock_.run(store_->restart(restarted, std::nullopt, clock_.now() + 14s));
  clock_.run(store_->cancel(cancelled, std::nullopt, clock_.now()));
  EXPECT_THAT(names("events/due"), ElementsAre(name(soon), name(restarted), name(later)));
  EXPECT_THAT(names("events/due?limit=2"), ElementsAre(name(soon), name(restarted)));
  EXPECT_TRUE(body_of(get("events/due?limit=2")).at("more").as_bool());
  EXPECT_FALSE(body_of(get("events/due?limit=3")).at("more").as_bool());
}

// Their timers are early, for they are restarted all the time; it is found out how far one has to look.
TEST_F(OperatorApiTest, ShowsWhatIsDueNextAmongManyThatAreRestarted) {
  for (int i = 0; i < 300; ++i) {
    clock_.run(store_->restart(schedule(Milliseconds(1000 + i)), std::nullopt, clock_.now() + 1h));
  }
  const auto abandoned = schedule(5s);
  EXPECT_THAT(names("events/due?limit=1"), ElementsAre(name(abandoned)));
  // As of events that were cancelled.
  for (int i = 0; i < 2000; ++i) delivery_.expect(domain::DelayId::random(), clock_.now() + Milliseconds(1000 + i));
  const json::object page = body_of(get("events/due"));
  EXPECT_TRUE(page.at("events").as_array().empty()) << "more than may be looked at are earlier";
  EXPECT_TRUE(page.at("more").as_bool());
}

TEST_F(OperatorApiTest, ShowsNoContentAndNoDelayId) {
  const auto delay_id = schedule(10s);
  for (const char* target :
       {"events/due", "events/of_user?user_id=@alice:example.org", "events/of_room?room_id=!a:example.org"}) {
    const http::Response response = get(target);
    EXPECT_THAT(response.body, HasSubstr(name(delay_id))) << target;
    EXPECT_THAT(response.body, Not(HasSubstr(delay_id.to_string()))) << target;
    EXPECT_THAT(response.body, Not(HasSubstr("business"))) << target;
  }
  const json::object shown = events("events/due").front();
  EXPECT_EQ(text(shown, "user_id"), "@alice:example.org");
  EXPECT_EQ(text(shown, "room_id"), "!a:example.org");
  EXPECT_EQ(text(shown, "type"), "m.room.message");
  EXPECT_EQ(text(shown, "state"), "scheduled");
  EXPECT_EQ(shown.at("delay_ms").as_int64(), 10'000);
  EXPECT_EQ(shown.at("due_ts").as_int64(), shown.at("delayed_since_ts").as_int64() + 10'000);
}

TEST_F(OperatorApiTest, ShowsWhatFailedInTheHomeserversWords) {
  homeserver_.answer_send = [](const auto&) {
    return homeserver::Refused{
        {403, R"({"errcode":"M_FORBIDDEN","error":"You are not in the room"})"}, "M_FORBIDDEN", {}};
  };
  std::vector<domain::DelayId> failed;
  for (int i = 1; i <= 3; ++i) failed.push_back(schedule(std::chrono::seconds(i)));
  clock_.advance(10s);
  EXPECT_THAT(names("events/failed"), ElementsAre(name(failed[2]), name(failed[1]), name(failed[0])));
  const json::object page = body_of(get("events/failed?limit=2"));
  const std::string next = *string_member(page, "next_batch");
  EXPECT_THAT(names("events/failed?limit=2&from=" + next), ElementsAre(name(failed[0])));
  EXPECT_THAT(next, Not(HasSubstr(failed[1].to_string())));
  const json::object shown = events("events/failed").front();
  EXPECT_EQ(json::serialize(shown.at("failure")),
            R"({"status":403,"errcode":"M_FORBIDDEN","error":"You are not in the room"})");
  EXPECT_EQ(text(shown, "state"), "failed");
}

TEST_F(OperatorApiTest, ShowsWhatIsLateInDoubtAndAside) {
  homeserver_.answer_send = [](const auto&) {
    return homeserver::Unclear{"it hangs", false,
                               domain::HomeserverError{502, R"({"errcode":"M_UNKNOWN","error":"Bad gateway"})"}};
  };
  homeserver_.answer_look = [](const auto&) { return homeserver::CannotTell{"it hangs"}; };
  const auto first = schedule(1s);
  const auto second = schedule(2s);
  clock_.advance(5s);
  EXPECT_THAT(names("events/late"), ElementsAre(name(first), name(second)));
  EXPECT_THAT(names("events/in_doubt"), ElementsAre(name(first)));
  const json::object shown = events("events/in_doubt").front();
  EXPECT_THAT(*string_member(shown, "reason"), HasSubstr("it hangs"));
  EXPECT_EQ(text(shown, "state"), "sending");
  EXPECT_EQ(text(shown.at("answer").as_object(), "error"), "Bad gateway");
  EXPECT_THAT(names("events/aside"), IsEmpty());
  clock_.advance(10min);
  EXPECT_THAT(names("events/aside"), Contains(name(first)));
  EXPECT_THAT(names("events/aside?limit=1"), ::testing::SizeIs(1));
}

TEST_F(OperatorApiTest, ShowsWhatAUserHasPageByPage) {
  std::vector<std::string> scheduled;
  for (int i = 0; i < 40; ++i) scheduled.insert(scheduled.begin(), name(schedule(std::chrono::seconds(100 + i))));
  schedule(1h, "@bob:example.org");
  std::vector<std::string> read;
  std::string from;
  for (int pages = 0; pages < 3; ++pages) {
    const std::string target = "events/of_user?user_id=%40alice%3Aexample.org&limit=20" + from;
    const auto some = names(target);
    read.insert(read.end(), some.begin(), some.end());
    const auto next = string_member(body_of(get(target)), "next_batch");
    if (!next) break;
    from = "&from=" + *next;
  }
  EXPECT_EQ(read, scheduled);
}

TEST_F(OperatorApiTest, ShowsWhatARoomHasPageByPage) {
  const auto second = schedule(20s, "@bob:example.org");
  const auto first = schedule(10s);
  schedule(1s, "@alice:example.org", "!b:example.org");
  EXPECT_THAT(names("events/of_room?room_id=!a:example.org"), ElementsAre(name(first), name(second)));
  const json::object page = body_of(get("events/of_room?room_id=!a:example.org&limit=1"));
  EXPECT_THAT(names("events/of_room?room_id=!a:example.org&limit=1&from=" + *string_member(page, "next_batch")),
              ElementsAre(name(second)));
}

TEST_F(OperatorApiTest, RefusesParametersThatMeanNothing) {
  for (const char* target :
       {"events/due?limit=0", "events/due?limit=101", "events/due?limit=-1", "events/late?limit=x",
        "events/failed?from=1", "events/failed?from=1_2", "events/failed?from=_", "events/of_user?user_id=alice",
        "events/of_room?room_id=@alice:example.org", "events/of_room?room_id=!"}) {
    EXPECT_EQ(errcode_of(get(target)), "M_INVALID_PARAM") << target;
  }
  EXPECT_EQ(errcode_of(get("events/of_user")), "M_MISSING_PARAM");
  EXPECT_EQ(errcode_of(get("events/of_room")), "M_MISSING_PARAM");
  for (const char* target : {"look_up", "cancel", "cancel_all", "drain", "log_level"}) {
    EXPECT_EQ(errcode_of(post(target, "")), "M_NOT_JSON") << target;
    EXPECT_EQ(errcode_of(post(target, "[]")), "M_BAD_JSON") << target;
    EXPECT_EQ(errcode_of(post(target, "{}")), "M_MISSING_PARAM") << target;
  }
  EXPECT_EQ(errcode_of(post("cancel", R"({"delay_id":1})")), "M_INVALID_PARAM");
  EXPECT_EQ(errcode_of(post("cancel", R"({"delay_id":"a","handle":"b"})")), "M_INVALID_PARAM");
  EXPECT_EQ(errcode_of(post("cancel_all", R"({"user_id":"alice"})")), "M_INVALID_PARAM");
  EXPECT_EQ(errcode_of(post("drain", R"({"drain":1})")), "M_INVALID_PARAM");
  EXPECT_EQ(errcode_of(post("log_level", R"({"level":"loud"})")), "M_INVALID_PARAM");
}

TEST_F(OperatorApiTest, LooksUpAndCancelsByDelayIdAndByHandle) {
  const auto by_id = schedule(10s);
  const auto by_handle = schedule(20s);
  const std::string handle = *string_member(events("events/due").back(), "handle");
  const std::string id_body = R"({"delay_id":")" + by_id.to_string() + R"("})";
  const std::string handle_body = R"({"handle":")" + handle + R"("})";
  EXPECT_EQ(text(body_of(post("look_up", id_body)), "event"), name(by_id));
  EXPECT_EQ(text(body_of(post("look_up", handle_body)), "event"), name(by_handle));
  for (const std::string& body : {id_body, handle_body}) {
    EXPECT_EQ(post("cancel", body).status, 200);
    EXPECT_EQ(text(body_of(post("look_up", body)), "state"), "cancelled");
    EXPECT_EQ(post("cancel", body).status, 200) << "again";
  }
  clock_.advance(1min);
  EXPECT_THAT(homeserver_.sends, IsEmpty());

  const auto sent = schedule(1s);
  clock_.advance(2s);
  EXPECT_EQ(post("cancel", R"({"delay_id":")" + sent.to_string() + R"("})").status, 409);
  for (const char* unknown : {R"({"delay_id":"x"})", R"({"handle":"ev-AAAAAAAAAAAAAAAAAAAAAA"})", R"({"handle":""})"}) {
    EXPECT_EQ(errcode_of(post("cancel", unknown)), "M_NOT_FOUND") << unknown;
    EXPECT_EQ(errcode_of(post("look_up", unknown)), "M_NOT_FOUND") << unknown;
  }
}

TEST_F(OperatorApiTest, CancelsAllOfAUser) {
  schedule(10s);
  schedule(20s);
  const auto other = schedule(30s, "@bob:example.org");
  EXPECT_EQ(body_of(post("cancel_all", R"({"user_id":"@alice:example.org"})")).at("cancelled").to_number<int>(), 2);
  EXPECT_THAT(names("events/due"), ElementsAre(name(other)));
  EXPECT_EQ(body_of(post("cancel_all", R"({"user_id":"@alice:example.org"})")).at("cancelled").to_number<int>(), 0);
}

TEST_F(OperatorApiTest, EndsACall) {
  const auto message = schedule(10s);
  for (const char* const user : {"@alice:example.org", "@bob:example.org"}) {
    schedule(20s, user, "!a:example.org", "org.matrix.msc4143.rtc.member");
  }
  const auto elsewhere = schedule(30s, "@alice:example.org", "!b:example.org", "m.call.member");
  const std::string sent = R"({"room_id":"!a:example.org","leaves":"send"})";
  EXPECT_EQ(post("end_call", sent).body, R"({"done":2,"failed":0,"more":false})");
  EXPECT_EQ(post("end_call", sent).body, R"({"done":0,"failed":0,"more":false})");
  EXPECT_EQ(homeserver_.sends.size(), 2u);
  EXPECT_THAT(names("events/due"), ElementsAre(name(message), name(elsewhere)));
  EXPECT_EQ(post("end_call", R"({"room_id":"!b:example.org","leaves":"cancel"})").body,
            R"({"done":1,"failed":0,"more":false})");
  EXPECT_THAT(names("events/due"), ElementsAre(name(message)));

  EXPECT_EQ(errcode_of(post("end_call", R"({"room_id":"!a:example.org"})")), "M_MISSING_PARAM");
  EXPECT_EQ(errcode_of(post("end_call", R"({"leaves":"send"})")), "M_MISSING_PARAM");
  for (const char* const bad :
       {R"({"room_id":"#a:example.org","leaves":"send"})", R"({"room_id":1,"leaves":"send"})",
        R"({"room_id":"!a:example.org","leaves":"restart"})", R"({"room_id":"!a:example.org","leaves":null})",
        R"({"room_id":"!a:example.org","leaves":"send","more":1})"}) {
    EXPECT_EQ(errcode_of(post("end_call", bad)), "M_INVALID_PARAM") << bad;
  }
}

TEST_F(OperatorApiTest, TakesAnInstanceOutOfService) {
  EXPECT_TRUE(body_of(get("totals")).at("ready").as_bool());
  EXPECT_TRUE(body_of(post("drain", R"({"drain":true})")).at("draining").as_bool());
  http::Request ready;
  ready.method = "GET";
  ready.target = ready_path;
  EXPECT_EQ(send(ready).body, "not ready: it was taken out of service\n");
  EXPECT_EQ(text(body_of(get("totals")), "not_ready"), "it was taken out of service");
  schedule(1s);
  clock_.advance(2s);
  EXPECT_EQ(homeserver_.sends.size(), 1u) << "deliveries go on";
  post("drain", R"({"drain":false})");
  EXPECT_EQ(send(ready).status, 200);
}

TEST_F(OperatorApiTest, ChangesTheLevelOfTheLog) {
  const std::string before = log_level();
  EXPECT_EQ(text(body_of(post("log_level", R"({"level":"warning"})")), "level"), "warning");
  EXPECT_EQ(log_level(), "warning");
  EXPECT_EQ(text(body_of(get("log_level")), "level"), "warning");
  set_log_level(before);
}

}  // namespace
}  // namespace afterword::monitoring
