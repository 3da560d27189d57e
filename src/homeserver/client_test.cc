#include "homeserver/client.h"

#include "homeserver/testing/access_tokens.h"
#include "http/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <deque>
#include <functional>
#include <iomanip>
#include <set>
#include <sstream>
#include <vector>

namespace afterword::homeserver {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds send_timeout = 30s;

// A client and an HTTP server on the loopback interface, which answers as it is told.
class HomeserverClientTest : public ::testing::Test {
 protected:
  HomeserverClientTest() { EXPECT_TRUE(server_.listen({"127.0.0.1", 0})); }

  template <class T>
  T run(Task<T> task) {
    auto future = async::asio::co_spawn(context_, std::move(task), async::asio::use_future);
    context_.restart();
    while (future.wait_for(0s) != std::future_status::ready) context_.run_one();
    return future.get();
  }
  ~HomeserverClientTest() override {
    if (http_) http_->close();
    if (for_clients_) for_clients_->close();
    run(server_.drain(1s));
  }

  // Marks are answered as Dendrite does, and the rest as the test says.
  Task<http::Response> answer(http::Request request) {
    if (request.target.find("/sendToDevice/") != std::string::npos) {
      if (request.body == R"({"messages":{}})") marks_.insert(request.target);
      if (marks_.contains(request.target)) co_return http::Response{200, server_header_, "{}"};
      co_return http::Response{400, server_header_, R"({"errcode":"M_NOT_JSON","error":"?"})"};
    }
    if (request.target == "/_matrix/federation/v1/version") {
      ++asked_for_version_;
      co_return version_;
    }
    if (is_of_a_barrier(request)) co_return answer_barrier(request);
    requests_.push_back(std::move(request));
    if (answer_) co_return answer_(requests_.back());
    http::Response response = std::move(answers_.front());
    answers_.pop_front();
    co_return response;
  }

  static bool is_of_a_barrier(const http::Request& request) {
    return request.target.find("barrier") != std::string::npos || request.target.ends_with("/joined_rooms");
  }
  // Shown after some looks, or refused.
  http::Response answer_barrier(const http::Request& request) {
    if (!may_have_barrier_) return {403, {}, R"({"errcode":"M_FORBIDDEN"})"};
    if (request.method == "PUT") ++barriers_;
    if (request.method == "PUT") return {200, {}, R"({"event_id":"$behind"})"};
    if (request.target.ends_with("/joined_rooms")) return {200, {}, R"({"joined_rooms":["!barrier"]})"};
    if (request.target.find("/state/") != std::string::npos) return {200, {}, "{}"};
    if (barrier_looks_-- > 0) return {200, {}, R"({"chunk":[]})"};
    return {200, {}, R"({"chunk":[{"event_id":"$behind"}]})"};
  }

  HomeserverClient client(std::chrono::milliseconds whoami_timeout = 10s, std::optional<Kind> kind = std::nullopt) {
    http::Origin origin;
    origin.host = "127.0.0.1";
    origin.port = server_.port();
    http_.emplace(context_.get_executor(), origin);
    for_clients_.emplace(context_.get_executor(), origin);
    return HomeserverClient(*http_, *for_clients_, clock_,
                            {.as_token = "secret",
                             .server_name = "example.org",
                             .kind = kind,
                             .mark_timeout = 30s,
                             .whoami_timeout = whoami_timeout});
  }

  async::asio::io_context context_{1};
  async::SystemClock clock_{context_.get_executor()};
  http::Headers server_header_;
  std::set<std::string> marks_;  // their targets
  http::Response version_{404, {}, R"({"errcode":"M_UNRECOGNIZED"})"};
  std::size_t asked_for_version_ = 0;
  bool may_have_barrier_ = false;
  int barrier_looks_ = 0;
  std::size_t barriers_ = 0;
  std::vector<http::Request> requests_;
  std::deque<http::Response> answers_;
  std::function<http::Response(const http::Request&)> answer_;  // in place of them, if it is set
  http::Server server_{context_.get_executor(), [this](http::Request request) { return answer(std::move(request)); }};
  std::optional<http::Client> http_;
  std::optional<http::Client> for_clients_;
};

// Somebody has set the wall clock by hours, so server time is elsewhere.
TEST_F(HomeserverClientTest, ReadsTheDateOfARetryAfterByTheWallClock) {
  ServerTime elsewhere = resume({}, clock_.machine_time());
  elsewhere.at_boot -= 5h;
  clock_.follow(elsewhere);
  const std::time_t in_a_minute = std::chrono::system_clock::to_time_t(clock_.machine_time().wall + 1min);
  std::ostringstream date;
  date << std::put_time(std::gmtime(&in_a_minute), "%a, %d %b %Y %H:%M:%S GMT");
  http::Headers headers;
  headers.add("Retry-After", date.str());
  answers_.push_back({429, headers, "<html>"});

  auto homeserver = client();
  domain::EventToSend event;
  event.user_id = domain::UserId("@alice:example.org");
  event.room_id = domain::RoomId("!room:example.org");
  event.type = "m.room.message";
  event.content = "{}";
  const domain::Attempt attempt{wall_from_ms(5)};
  const SendAnswer answer = run(homeserver.send(domain::DelayId::random(), event, attempt, send_timeout));
  const auto wait = std::get<NotArrived>(answer).retry_after.value();
  EXPECT_GT(wait, 30s);
  EXPECT_LE(wait, 1min);
}

TEST_F(HomeserverClientTest, SendsAnEvent) {
  domain::EventToSend event;
  event.user_id = domain::UserId("@alice:example.org");
  event.room_id = domain::RoomId("!room:example.org");
  event.type = "m.room.message";
  event.content = "{}";
  answers_.push_back({200, {}, R"({"event_id":"$e"})"});

  auto homeserver = client();
  const auto delay_id = domain::DelayId::random();
  const SendAnswer answer = run(homeserver.send(delay_id, event, domain::Attempt{wall_from_ms(5)}, send_timeout));
  EXPECT_EQ(std::get<Sent>(answer).event_id.value, "$e");
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].method, "PUT");
  EXPECT_NE(requests_[0].target.find(delay_id.to_string()), std::string::npos);
  EXPECT_EQ(requests_[0].headers.find("Authorization"), "Bearer secret");
}

// What an earlier version has stored.
TEST_F(HomeserverClientTest, SendsNothingThatAProxyWouldFold) {
  auto homeserver = client();
  for (const char* key : {".", "..", "a/../b"}) {
    domain::EventToSend event;
    event.user_id = domain::UserId("@alice:example.org");
    event.room_id = domain::RoomId("!room:example.org");
    event.kind = domain::EventKind::state;
    event.type = "m.room.name";
    event.state_key = key;
    event.content = "{}";
    const domain::Attempt attempt{wall_from_ms(1)};
    const SendAnswer answer = run(homeserver.send(domain::DelayId::random(), event, attempt, send_timeout));
    EXPECT_EQ(std::get<Refused>(answer).errcode, "M_INVALID_PARAM") << key;
    const LookAnswer look = run(homeserver.look_for(domain::DelayId::random(), event, attempt));
    EXPECT_TRUE(std::holds_alternative<MayNotLook>(look)) << key;
  }
  EXPECT_TRUE(requests_.empty());
}

TEST_F(HomeserverClientTest, KnowsThatARefusalMayBeForAHomeserverThatIsStopping) {
  // Dendrite 0.13.8.
  const http::Response stopping{400, {}, R"({"errcode":"M_UNSUPPORTED_ROOM_VERSION","error":"context canceled"})"};
  domain::EventToSend event;
  event.content = "{}";
  auto homeserver = client();
  const auto may_be_stopping = [&] {
    answers_.push_back(stopping);
    const auto delay_id = domain::DelayId::random();
    EXPECT_FALSE(run(homeserver.prepare(delay_id)));
    return std::get<Refused>(run(homeserver.send(delay_id, event, domain::Attempt{}, send_timeout))).may_be_stopping;
  };
  EXPECT_TRUE(may_be_stopping());
  server_header_ = {{"Server", "Synapse/1.163.2"}};
  EXPECT_FALSE(may_be_stopping());
}

TEST_F(HomeserverClientTest, AsksWhichHomeserverItIsWhereAProxyHidesThat) {
  server_header_ = {{"Server", "nginx"}};
  version_ = {200, {}, R"({"server":{"name":"Synapse","version":"1.163.2"}})"};
  auto homeserver = client();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(run(homeserver.prepare(domain::DelayId::random())));
  EXPECT_EQ(asked_for_version_, 1u);
  EXPECT_TRUE(marks_.empty());  // which Synapse does not need
}

TEST_F(HomeserverClientTest, TakesAHomeserverThatNothingTellsForOneWithAQueue) {
  const http::Response answers[] = {{404, {}, R"({"errcode":"M_UNRECOGNIZED"})"},
                                    {200, {}, R"({"server":{"name":"Dendrite","version":"0.13.8"}})"},
                                    {200, {}, "<html>"},
                                    {200, {}, R"({"server":7})"}};
  for (const auto& version : answers) {
    version_ = version;
    marks_.clear();
    asked_for_version_ = 0;
    auto homeserver = client();
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(run(homeserver.prepare(domain::DelayId::random())));
    EXPECT_EQ(asked_for_version_, 1u);  // and not again for some minutes
    EXPECT_EQ(marks_.size(), 3u);
    http_->close();
  }
}

TEST_F(HomeserverClientTest, BelievesTheOperatorWhichHomeserverItIs) {
  server_header_ = {{"Server", "Synapse/1.163.2"}};
  auto as_other = client(10s, Kind::other);
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(run(as_other.prepare(domain::DelayId::random())));
  EXPECT_EQ(marks_.size(), 2u);
  http_->close();
  server_header_ = {};
  auto as_synapse = client(10s, Kind::synapse);
  EXPECT_FALSE(run(as_synapse.prepare(domain::DelayId::random())));
  EXPECT_EQ(marks_.size(), 2u);
  EXPECT_EQ(asked_for_version_, 0u);
}

// --- Looking for an attempt ---

class LookForTest : public HomeserverClientTest {
 protected:
  LookForTest() {
    event_.user_id = domain::UserId("@alice:example.org");
    event_.room_id = domain::RoomId("!room:example.org");
    event_.type = "m.room.message";
    event_.content = "{}";
  }

  static std::string event_at(std::int64_t time, const std::string& event_id) {
    return R"({"sender":"@alice:example.org","type":"m.room.message","content":{},"origin_server_ts":)" +
           std::to_string(time) + R"(,"event_id":")" + event_id + "\"}";
  }
  void will_answer(int status, const std::string& body) { answers_.push_back({status, {}, body}); }
  LookAnswer look() {
    auto homeserver = client();
    return run(homeserver.look_for(domain::DelayId::random(), event_, domain::Attempt{wall_from_ms(5)}));
  }
  static std::vector<std::string> ids(const LookAnswer& answer) {
    std::vector<std::string> found;
    for (const auto& id : std::get<Candidates>(answer).events) found.push_back(id.value);
    return found;
  }

  domain::EventToSend event_;
};

TEST_F(LookForTest, FindsItAmongTheMessagesOfItsSender) {
  will_answer(200, R"({"chunk":[)" + event_at(7, "$a") + "," + event_at(5, "$b") + R"(],"end":"more"})");
  will_answer(200, R"({"chunk":[)" + event_at(5, "$c") + "]}");
  EXPECT_EQ(ids(look()), (std::vector<std::string>{"$c", "$b"}));
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_NE(requests_[0].target.find("user_id=%40alice%3Aexample.org"), std::string::npos);
  EXPECT_NE(requests_[1].target.find("from=more"), std::string::npos);
}

TEST_F(LookForTest, GoesOnBehindNewerEventsWhenItsTimeLiesInTheFuture) {
  const std::int64_t now = to_ms(clock_.now());
  const std::int64_t future = now + 10 * 3'600'000;
  will_answer(200, R"({"chunk":[)" + event_at(now, "$a") + R"(],"end":"more"})");
  will_answer(200, R"({"chunk":[)" + event_at(future, "$b") + "]}");
  auto homeserver = client();
  const LookAnswer found =
      run(homeserver.look_for(domain::DelayId::random(), event_, domain::Attempt{wall_from_ms(future)}));
  EXPECT_EQ(ids(found), std::vector<std::string>{"$b"});
}

TEST_F(LookForTest, KnowsThatItIsNotThere) {
  will_answer(200, R"({"chunk":[)" + event_at(7, "$a") + "]}");
  EXPECT_TRUE(ids(look()).empty());
}

TEST_F(LookForTest, KnowsWhetherTheHomeserverWasRestartedSinceItWasSent) {
  const auto delay_id = domain::DelayId::random();
  auto homeserver = client();
  EXPECT_FALSE(run(homeserver.prepare(delay_id)));
  const auto may_be_queued = [&] {
    will_answer(200, R"({"chunk":[]})");
    return std::get<Candidates>(run(homeserver.look_for(delay_id, event_, domain::Attempt{wall_from_ms(5)})))
        .may_be_queued;
  };
  EXPECT_FALSE(may_be_queued());
  marks_.clear();
  EXPECT_TRUE(may_be_queued());
}

TEST_F(LookForTest, FlushesAQueueByARedactionOfNothing) {
  auto homeserver = client();
  will_answer(200, R"({"event_id":"$nothing"})");
  EXPECT_EQ(run(homeserver.flush_queue(event_)), Flush::done);
  EXPECT_NE(requests_[0].target.find("/rooms/%21room%3Aexample.org/send/m.room.redaction/"), std::string::npos);
  EXPECT_EQ(requests_[0].body, "{}");
  will_answer(403, R"({"errcode":"M_FORBIDDEN"})");  // there is no better way
  EXPECT_EQ(run(homeserver.flush_queue(event_)), Flush::done);
  will_answer(429, R"({"errcode":"M_LIMIT_EXCEEDED"})");
  EXPECT_EQ(run(homeserver.flush_queue(event_)), Flush::not_done);
  will_answer(500, R"({"errcode":"M_UNKNOWN"})");
  EXPECT_EQ(run(homeserver.flush_queue(event_)), Flush::not_done);
}

TEST_F(LookForTest, SaysThatWhatAFlushMadeShowsOnceABarrierBehindItDoes) {
  may_have_barrier_ = true;
  auto homeserver = client();
  will_answer(200, R"({"event_id":"$nothing"})");
  EXPECT_EQ(run(homeserver.flush_queue(event_)), Flush::shown);
  EXPECT_EQ(barriers_, 1u);
}

TEST_F(LookForTest, LooksAgainBehindABarrierBeforeItSaysThatNothingIsThere) {
  may_have_barrier_ = true;
  barrier_looks_ = 2;
  const http::Headers synapse = {{"Server", "Synapse/1.163.2"}};
  answers_.push_back({200, synapse, R"({"chunk":[]})"});
  answers_.push_back({200, synapse, R"({"chunk":[)" + event_at(5, "$late") + "]}"});  // what is asked was behind
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$late"});
}

TEST_F(LookForTest, NeedsNoOtherBarrierUntilSomethingIsUnclearAgain) {
  may_have_barrier_ = true;
  auto homeserver = client();
  const auto is_there = [&] {
    const auto delay_id = domain::DelayId::random();
    EXPECT_FALSE(run(homeserver.prepare(delay_id)));
    return !ids(run(homeserver.look_for(delay_id, event_, domain::Attempt{wall_from_ms(5)}))).empty();
  };
  for (int i = 0; i < 4; ++i) will_answer(200, R"({"chunk":[]})");
  EXPECT_FALSE(is_there());
  EXPECT_FALSE(is_there());
  EXPECT_FALSE(is_there());
  EXPECT_EQ(barriers_, 1u);
  will_answer(502, "");
  EXPECT_TRUE(
      std::holds_alternative<Unclear>(run(homeserver.send(domain::DelayId::random(), event_, {}, send_timeout))));
  for (int i = 0; i < 2; ++i) will_answer(200, R"({"chunk":[]})");
  EXPECT_FALSE(is_there());
  EXPECT_EQ(barriers_, 2u);
}

TEST_F(LookForTest, KnowsThatSynapseKeepsNoQueue) {
  answers_.push_back({200, {{"Server", "Synapse/1.163.2"}}, R"({"chunk":[]})"});
  EXPECT_FALSE(std::get<Candidates>(look()).may_be_queued);
}

TEST_F(LookForTest, EndsWhereAllIsOlder) {
  constexpr int six_minutes = 360'000;
  will_answer(200, R"({"chunk":[)" + event_at(7, "$a") + "," + event_at(5 - six_minutes, "$b") + R"(],"end":"1"})");
  will_answer(200, R"({"chunk":[)" + event_at(5 - six_minutes, "$c") + R"(],"end":"2"})");
  EXPECT_TRUE(ids(look()).empty());
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(LookForTest, FindsAStateEventInTheCurrentState) {
  event_.kind = domain::EventKind::state;
  will_answer(200, R"({"sender":"@alice:example.org","type":"m.room.message","content":{},"state_key":"",
                       "origin_server_ts":5,"event_id":"$state"})");
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$state"});
}

TEST_F(LookForTest, FindsARedactionAtWhatItRedacts) {
  event_.kind = domain::EventKind::redaction;
  event_.redacts = domain::EventId("$gone");
  will_answer(200, R"({"event_id":"$gone","content":{},"unsigned":{"redacted_because":{"sender":"@alice:example.org",
                       "type":"m.room.redaction","origin_server_ts":9,"event_id":"$why","redacts":"$gone",
                       "content":{}}}})");
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$why"});
}

TEST_F(LookForTest, AsksAsTheDeviceUntilThatIsGone) {
  event_.device_id = domain::DeviceId("PHONE");
  will_answer(400, R"({"errcode":"M_UNKNOWN_DEVICE","error":"gone"})");
  will_answer(200, R"({"chunk":[)" + event_at(5, "$a") + "]}");
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$a"});
  EXPECT_NE(requests_[0].target.find("device_id=PHONE"), std::string::npos);
  EXPECT_EQ(requests_[1].target.find("device_id"), std::string::npos);
}

TEST_F(LookForTest, TakesAnAnswerThatIsNotMatrixsForNone) {
  for (const int status : {403, 404, 429}) {
    will_answer(status, "<html>");
    EXPECT_TRUE(std::holds_alternative<CannotTell>(look())) << status;
  }
}

TEST_F(LookForTest, FindsAStateEventThatHasBeenReplaced) {
  event_.kind = domain::EventKind::state;
  will_answer(404, R"({"errcode":"M_NOT_FOUND"})");
  will_answer(200, R"({"chunk":[{"sender":"@alice:example.org","type":"m.room.message","content":{},"state_key":"",
                       "origin_server_ts":5,"event_id":"$state"}]})");
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$state"});
}

TEST_F(LookForTest, AsksForTheTimeInABusyRoom) {
  for (int page = 0; page < 10; ++page) {
    will_answer(200, R"({"chunk":[)" + event_at(7, "$a") + R"(],"end":")" + std::to_string(page) + "\"}");
  }
  will_answer(200, R"({"event_id":"$b","origin_server_ts":5})");
  will_answer(200, R"({"event":)" + event_at(5, "$b") + R"(,"state":[],"start":"before","end":"after"})");
  will_answer(200, R"({"chunk":[)" + event_at(5, "$c") + "," + event_at(5, "$d") + R"(],"end":"more"})");
  will_answer(200, R"({"chunk":[)" + event_at(5, "$a") + "]}");
  EXPECT_EQ(ids(look()), (std::vector<std::string>{"$a", "$b", "$c", "$d"}));
  ASSERT_EQ(requests_.size(), 14u);
  EXPECT_NE(requests_[12].target.find("dir=f"), std::string::npos);
  EXPECT_NE(requests_[12].target.find("from=after"), std::string::npos);
  EXPECT_NE(requests_[13].target.find("dir=b"), std::string::npos);
  EXPECT_NE(requests_[13].target.find("from=before"), std::string::npos);
}

TEST_F(LookForTest, CannotTellInABusyRoomOfAHomeserverThatKnowsNoTimes) {
  for (int page = 0; page < 10; ++page) {
    will_answer(200, R"({"chunk":[)" + event_at(7, "$a") + R"(],"end":")" + std::to_string(page) + "\"}");
  }
  will_answer(404, R"({"errcode":"M_UNRECOGNIZED"})");
  EXPECT_TRUE(std::holds_alternative<CannotTell>(look()));
}

TEST_F(LookForTest, SaysThatItMayNotLookOrCannot) {
  will_answer(403, R"({"errcode":"M_FORBIDDEN","error":"not in the room"})");
  EXPECT_TRUE(std::holds_alternative<MayNotLook>(look()));
  will_answer(502, "bad gateway");
  EXPECT_TRUE(std::holds_alternative<CannotTell>(look()));
}

// --- Answers that are larger than they can need ---

// A room of large events, page by page, as their owner asks for them.
class LargeAnswersTest : public LookForTest {
 protected:
  LargeAnswersTest() {
    answer_ = [this](const http::Request& request) { return answer_page(request); };
  }

  // As large as an event can be shown: 64 KiB of what is written in six bytes.
  static std::string large_event(std::int64_t time, const std::string& event_id) {
    std::string body;
    for (int i = 0; i < 65'000; ++i) body += "\\u003c";
    return R"({"sender":"@alice:example.org","type":"m.room.message","content":{"body":")" + body +
           R"("},"origin_server_ts":)" + std::to_string(time) + R"(,"event_id":")" + event_id + "\"}";
  }

  static std::size_t number(const std::string& target, const std::string& name, std::size_t otherwise) {
    const auto at = target.find(name + "=");
    return at == std::string::npos ? otherwise : std::stoul(target.substr(at + name.size() + 1));
  }
  http::Response answer_page(const http::Request& request) {
    const std::size_t limit = number(request.target, "limit", 10);
    const std::size_t from = number(request.target, "from", 0);
    limits_.push_back(limit);
    std::string page = R"({"chunk":[)";
    const std::size_t end = std::min(from + limit, events_.size());
    for (std::size_t i = from; i < end; ++i) page += (i == from ? "" : ",") + events_[i];
    page += "]";
    if (end < events_.size()) page += R"(,"end":")" + std::to_string(end) + "\"";
    return {200, {}, page + "}"};
  }

  std::vector<std::string> events_;  // the newest first
  std::vector<std::size_t> limits_;
};

TEST_F(LargeAnswersTest, AreAskedForAgainInSmallerPages) {
  for (int i = 0; i < 20; ++i) events_.push_back(large_event(7, "$large"));
  events_.push_back(event_at(5, "$b"));
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$b"});
  EXPECT_EQ(limits_[0], 100u);
  EXPECT_EQ(limits_[1], 20u);
  EXPECT_LE(limits_.size(), 30u);
}

TEST_F(LargeAnswersTest, AreFollowedByLargePagesOfSmallEvents) {
  events_.push_back(large_event(7, "$large"));
  for (int i = 0; i < 8; ++i) events_.push_back(large_event(7, "$large"));
  for (int i = 0; i < 600; ++i) events_.push_back(event_at(7, "$a"));
  events_.push_back(event_at(5, "$b"));
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$b"});
  EXPECT_EQ(limits_.back(), 100u);
  EXPECT_LE(limits_.size(), 20u);
}

TEST_F(LargeAnswersTest, OfOneEventAreTaken) {
  // With its former content, its redaction, its edit and the latest of its thread.
  std::string event = large_event(5, "$b");
  event.insert(1, R"("unsigned":{"prev_content":)" + large_event(7, "$1") + R"(,"redacted_because":)" +
                      large_event(7, "$2") + R"(,"m.relations":{"m.replace":)" + large_event(7, "$3") +
                      R"(,"m.thread":{"latest_event":)" + large_event(7, "$4") + "}}},");
  events_ = {event};
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$b"});
}

TEST_F(LargeAnswersTest, BeyondWhatAnEventCanBeDoNotTell) {
  events_ = {std::string(5 * 1024 * 1024, ' ') + event_at(5, "$b")};
  EXPECT_TRUE(std::holds_alternative<CannotTell>(look()));
  EXPECT_EQ(limits_, (std::vector<std::size_t>{100, 20, 4, 1}));
}

TEST_F(LargeAnswersTest, OfADeepNestAreRead) {
  const std::string deep = std::string(5'000, '[') + std::string(5'000, ']');
  events_ = {R"({"sender":"@alice:example.org","type":"m.room.message","content":)" + deep +
                 R"(,"origin_server_ts":5,"event_id":"$a"})",
             event_at(5, "$b")};
  EXPECT_EQ(ids(look()), std::vector<std::string>{"$b"});
}

TEST_F(LargeAnswersTest, OfASearchAreReadUpToALimitAltogether) {
  for (int i = 0; i < 200; ++i) events_.push_back(large_event(7, "$large"));
  std::size_t asked_for_the_time = 0;
  answer_ = [&](const http::Request& request) {
    if (request.target.find("timestamp_to_event") == std::string::npos) return answer_page(request);
    ++asked_for_the_time;
    return http::Response{404, {}, R"({"errcode":"M_NOT_FOUND"})"};  // nothing is as new as that
  };
  EXPECT_TRUE(ids(look()).empty());
  EXPECT_EQ(asked_for_the_time, 1u);
  EXPECT_LT(limits_.size(), 200u);
}

TEST_F(LargeAnswersTest, ToOtherQuestionsAreNone) {
  const std::string large = std::string(70'000, ' ') + R"({"event_id":"$e","user_id":"@a:example.org"})";
  answer_ = [&](const http::Request&) { return http::Response{200, {}, large}; };
  auto homeserver = client();
  // It may have been sent, and is looked for.
  EXPECT_TRUE(
      std::holds_alternative<Unclear>(run(homeserver.send(domain::DelayId::random(), event_, {}, send_timeout))));
  const Credentials credentials{testing::access_token("theirs"), std::nullopt, std::nullopt};
  EXPECT_TRUE(std::holds_alternative<Unreachable>(run(homeserver.whoami(credentials, {}))));
}

// --- Rate limits ---

class LimitedSendTest : public HomeserverClientTest {
 protected:
  static http::Response limited(int retry_after_ms) {
    return {429, {}, R"({"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":)" + std::to_string(retry_after_ms) + "}"};
  }
  SendAnswer send() {
    auto homeserver = client();
    return run(homeserver.send(domain::DelayId::random(), event_, domain::Attempt{}, send_timeout));
  }

  domain::EventToSend event_ = [] {
    domain::EventToSend event;
    event.user_id = domain::UserId("@alice:example.org");
    event.content = "{}";
    return event;
  }();
};

TEST_F(LimitedSendTest, IsTheOwnersWhereTheServiceItselfIsHeard) {
  answers_ = {limited(700), {200, {}, R"({"user_id":"@afterword:b"})"}};
  EXPECT_EQ(std::get<Refused>(send()).retry_after, 700ms);
  // As the owner: Dendrite refuses our token without a user.
  EXPECT_EQ(requests_[1].target, "/_matrix/client/v3/account/whoami?user_id=%40alice%3Aexample.org");
  EXPECT_EQ(requests_[1].headers.find("Authorization"), "Bearer secret");
}

TEST_F(LimitedSendTest, SaysWhetherTheWayIsOpen) {
  answers_ = {{200, {}, R"({"user_id":"@alice:example.org"})"}, {503, {}, "<html>"}};
  auto homeserver = client();
  EXPECT_TRUE(std::holds_alternative<Open>(run(homeserver.ask_way(event_.user_id))));
  EXPECT_TRUE(std::holds_alternative<Closed>(run(homeserver.ask_way(event_.user_id))));
}

TEST_F(LimitedSendTest, IsOursWhereTheServiceItselfIsLimitedToo) {
  answers_ = {limited(700), limited(900)};
  EXPECT_EQ(std::get<NotArrived>(send()).retry_after, 900ms);
}

TEST_F(LimitedSendTest, IsOursWhereTheHomeserverDoesNotAnswerAtAll) {
  answers_ = {limited(700), {502, {}, "<html>"}};
  EXPECT_EQ(std::get<NotArrived>(send()).retry_after, 700ms);
}

TEST_F(LimitedSendTest, AsksOnceForManyAtATime) {
  answers_ = {limited(1), limited(1), limited(1), limited(900)};
  auto homeserver = client();
  std::vector<std::future<SendAnswer>> under_way;
  for (int number = 0; number < 3; ++number) {
    auto sending = homeserver.send(domain::DelayId::random(), event_, domain::Attempt{}, send_timeout);
    under_way.push_back(async::asio::co_spawn(context_, std::move(sending), async::asio::use_future));
  }
  context_.restart();
  for (auto& future : under_way) {
    while (future.wait_for(0s) != std::future_status::ready) context_.run_one();
    EXPECT_EQ(std::get<NotArrived>(future.get()).retry_after, 900ms);
  }
  EXPECT_EQ(requests_.size(), 4u);
}

TEST_F(HomeserverClientTest, KnowsThatARefusedConnectionTookNothing) {
  auto homeserver = client();
  run(server_.drain(1s));
  domain::EventToSend event;
  event.content = "{}";
  const auto delay_id = domain::DelayId::random();
  EXPECT_TRUE(run(homeserver.prepare(delay_id)));
  const SendAnswer answer = run(homeserver.send(delay_id, event, domain::Attempt{}, send_timeout));
  EXPECT_TRUE(std::holds_alternative<NotArrived>(answer));
}

TEST_F(HomeserverClientTest, AsksWithTheClientsOwnToken) {
  answers_.push_back({200, {}, R"({"user_id":"@a:example.org","device_id":"D"})"});
  auto homeserver = client();
  const Credentials credentials{testing::access_token("theirs"), "@a:example.org", "D"};
  const WhoamiAnswer answer = run(homeserver.whoami(credentials, {}));
  EXPECT_EQ(std::get<Identity>(answer).user_id.value, "@a:example.org");
  EXPECT_EQ(requests_[0].target,
            "/_matrix/client/v3/account/whoami?user_id=%40a%3Aexample.org&device_id=D&org.matrix.msc3202.device_id=D");
  EXPECT_EQ(requests_[0].headers.find("Authorization"), "Bearer theirs");
}

TEST_F(HomeserverClientTest, TellsOfTheClientWhenItAsksWhoseATokenIs) {
  answers_.push_back({200, {}, R"({"user_id":"@a:example.org"})"});
  auto homeserver = client();
  const Credentials credentials{testing::access_token("theirs"), std::nullopt, std::nullopt};
  const http::Headers about_client{{"X-Forwarded-For", "192.0.2.7"}, {"User-Agent", "Element"}};
  run(homeserver.whoami(credentials, about_client));
  EXPECT_EQ(requests_[0].headers.find("X-Forwarded-For"), "192.0.2.7");
  EXPECT_EQ(requests_[0].headers.find("User-Agent"), "Element");
  // What could become a header of its own is not sent at all.
  const http::Headers evil{{"User-Agent", "Element\r\nAuthorization: Bearer another"}};
  EXPECT_TRUE(std::holds_alternative<Unreachable>(run(homeserver.whoami(credentials, evil))));
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(HomeserverClientTest, TakesNobodyOfAnotherServer) {
  answers_ = {{200, {}, R"({"user_id":"@a:example.org.evil.example"})"}, {200, {}, R"({"user_id":"@a:EXAMPLE.org"})"}};
  auto homeserver = client();
  EXPECT_EQ(std::get<domain::HomeserverError>(
                run(homeserver.whoami(Credentials{testing::access_token("t"), std::nullopt, std::nullopt}, {})))
                .status,
            403);
  EXPECT_TRUE(std::holds_alternative<Identity>(
      run(homeserver.whoami(Credentials{testing::access_token("t"), std::nullopt, std::nullopt}, {}))));
}

TEST_F(HomeserverClientTest, WaitsOutARateLimit) {
  const http::Response limited{429, {}, R"({"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1})"};
  answers_ = {limited, limited, {200, {}, R"({"user_id":"@a:example.org"})"}};
  auto homeserver = client();
  const Credentials credentials{testing::access_token("theirs"), std::nullopt, std::nullopt};
  EXPECT_TRUE(std::holds_alternative<Identity>(run(homeserver.whoami(credentials, {}))));
  EXPECT_EQ(requests_.size(), 3u);
}

TEST_F(HomeserverClientTest, DoesNotKnowUnderARateLimitThatOutlastsItsTime) {
  answers_.push_back({429, {}, R"({"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":60000})"});
  auto homeserver = client();
  const Credentials credentials{testing::access_token("theirs"), std::nullopt, std::nullopt};
  EXPECT_TRUE(std::holds_alternative<Unreachable>(run(homeserver.whoami(credentials, {}))));
}

}  // namespace
}  // namespace afterword::homeserver
