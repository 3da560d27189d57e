#include "doctor/examine.h"

#include "async/task_group.h"
#include "base/testing/temporary_folder.h"
#include "gateway/arrival.h"
#include "http/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace afterword::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Matcher;
using ::testing::StartsWith;

Matcher<Finding> is(const std::string& name, Verdict verdict, Matcher<std::string> detail,
                    Matcher<std::string> fix = ::testing::IsEmpty()) {
  return ::testing::AllOf(Field(&Finding::name, name), Field(&Finding::verdict, verdict),
                          Field(&Finding::detail, detail), Field(&Finding::fix, fix));
}

// A homeserver that answers by the path, whatever is asked.
class ScriptedHomeserver {
 public:
  explicit ScriptedHomeserver(async::Executor executor)
      : server_(executor, [this](http::Request request) { return answer(std::move(request)); }) {
    if (!server_.listen({"127.0.0.1", 0})) throw std::runtime_error("cannot listen");
  }

  std::uint16_t port() const { return server_.port(); }
  async::Task<void> stop() { return server_.drain(std::chrono::seconds(1)); }

  std::map<std::string, http::Response> answers = {
      {"/_matrix/client/versions", {200, {}, R"({"versions": ["v1.1"]})"}},
      {"/_matrix/federation/v1/version", {200, {}, R"({"server": {"name": "Synapse", "version": "1.2"}})"}},
      {"/_matrix/client/v3/account/whoami", {200, {}, R"({"user_id": "@_afterword:example.org"})"}},
      {"/_matrix/client/v3/capabilities", {200, {}, R"({"capabilities": {}})"}},
  };
  bool is_afterword = false;                  // with our registration
  std::map<std::string, std::string> tokens;  // that came, by path
  std::vector<std::string> forwarded_for;     // as it came

 private:
  async::Task<http::Response> answer(http::Request request) {
    tokens[request.target] = request.headers.find("Authorization").value_or("");
    if (const auto address = request.headers.find("X-Forwarded-For")) forwarded_for.emplace_back(*address);
    const auto found = answers.find(request.target);
    http::Response response;
    response.status = 404;
    if (found != answers.end()) response = found->second;
    const auto proof = request.headers.find(gateway::arrival_header);
    if (is_afterword && proof) {
      async::SystemClock clock(co_await async::asio::this_coro::executor);
      const auto question = gateway::read_arrival_proof(gateway::arrival_key("secret"), *proof, clock.wall_now());
      if (question) response.headers.add(std::string(gateway::arrival_header), question->nonce);
    }
    co_return response;
  }

  http::Server server_;
};

class ExamineTest : public ::testing::Test {
 protected:
  ExamineTest() {
    configuration_.homeserver.host = "127.0.0.1";
    configuration_.homeserver.port = homeserver_.port();
    configuration_.server_name = "example.org";
    configuration_.registration = "/etc/afterword/registration.yaml";
    configuration_.as_token = "secret";
    configuration_.listen = {{"127.0.0.1", 1}};  // nothing listens there
    configuration_.database = ops::SqliteDatabase{folder_.write("afterword.db", "")};
  }

  Findings findings() {
    Findings found;
    async::TaskGroup tasks(io_.get_executor());
    tasks.spawn("check", look(found));
    io_.run();
    return found;
  }

  afterword::testing::TemporaryFolder folder_;
  async::asio::io_context io_;
  ScriptedHomeserver homeserver_{io_.get_executor()};
  ops::Configuration configuration_;
  DatabaseSeen database_;

 private:
  async::Task<void> look(Findings& found) {
    LookAtDatabase look_at_database = [this](const ops::Configuration&) { return database(); };
    found = co_await examine(io_.get_executor(), configuration_, std::move(look_at_database));
    co_await homeserver_.stop();
  }
  async::Task<DatabaseSeen> database() { co_return database_; }
};

TEST_F(ExamineTest, AllIsWell) {
  EXPECT_THAT(findings(),
              ElementsAre(is("homeserver", Verdict::ok, StartsWith("Synapse 1.2 at http://127.0.0.1:")),
                          is("registration", Verdict::ok, EndsWith("as @_afterword:example.org")),
                          is("namespace", Verdict::ok, "all users of example.org"),
                          is("rate_limited", Verdict::ok, HasSubstr("hold")),
                          is("delayed_events", Verdict::ok, "Afterword's alone"),
                          is("clock", Verdict::ok, HasSubstr("within 5 s")),
                          is("accounts", Verdict::ok, StartsWith("not looked up, without")),
                          is("listen", Verdict::ok, "Afterword does not run at 127.0.0.1:1"),
                          is("clients", Verdict::ok, HasSubstr("up to 24h")), is("database", Verdict::ok, "opens")));
  EXPECT_EQ(homeserver_.tokens["/_matrix/client/v3/account/whoami"], "Bearer secret");
  EXPECT_EQ(homeserver_.tokens["/_matrix/client/versions"], "");
}

TEST_F(ExamineTest, WithoutAHomeserverTheRestIsLookedAt) {
  configuration_.homeserver.port = 1;
  EXPECT_THAT(findings(),
              ElementsAre(is("homeserver", Verdict::failed, StartsWith("no answer from http://127.0.0.1:1: "),
                             "start the homeserver, or correct homeserver.url"),
                          is("rate_limited", Verdict::ok, HasSubstr("hold")),
                          is("listen", Verdict::ok, HasSubstr("does not run")), is("database", Verdict::ok, "opens")));
}

TEST_F(ExamineTest, KnowsAnAfterwordWhereTheHomeserverShouldBe) {
  homeserver_.is_afterword = true;
  EXPECT_THAT(findings().at(0),
              is("homeserver", Verdict::failed, HasSubstr("leads back to Afterword"), HasSubstr("homeserver.url")));
}

TEST_F(ExamineTest, AsksTheAfterwordThatRuns) {
  homeserver_.answers["/_matrix/client/v1/delayed_events/-"] = {401, {}, R"({"errcode": "M_MISSING_TOKEN"})"};
  configuration_.listen.at(0).port = homeserver_.port();
  const Findings found = findings();
  EXPECT_THAT(found, ::testing::Contains(is("listen", Verdict::ok, StartsWith("Afterword runs at 127.0.0.1:"))));
  EXPECT_THAT(found, ::testing::Contains(is("clients", Verdict::failed, StartsWith("do not see delayed events"),
                                            ::testing::Not(::testing::IsEmpty()))));
}

TEST_F(ExamineTest, TriesALimitAtNobodysCost) {
  homeserver_.answers["/_matrix/federation/v1/version"] = {200, {}, R"({"server": {"name": "Dendrite"}})"};
  homeserver_.answers["/_matrix/client/v3/login"] = {200, {}, "{}"};
  EXPECT_THAT(findings(), ::testing::Contains(is("whoami", Verdict::ok, "not limited")));
  EXPECT_EQ(homeserver_.forwarded_for, std::vector<std::string>(12, "192.0.2.77"));
}

TEST_F(ExamineTest, ReadsTheRegistrationAnew) {
  configuration_.registration =
      folder_.write("registration.yaml", "as_token: a\nhs_token: b\nnamespaces: {users: []}\n");
  EXPECT_THAT(findings().at(2), is("namespace", Verdict::failed, HasSubstr("covers no user"), HasSubstr("regex")));
}

TEST_F(ExamineTest, AUnixSocketNeedsAFolderAndAFreePath) {
  configuration_.listen = {{.unix_path = (folder_.path() / "missing" / "socket").string()},
                           {.unix_path = (folder_.path() / "afterword.db").string()},
                           {.unix_path = (folder_.path() / "socket").string()}};
  const Findings found = findings();
  EXPECT_THAT(found, ::testing::Contains(
                         is("listen", Verdict::failed, EndsWith("/missing is no folder"), StartsWith("make it"))));
  EXPECT_THAT(
      found, ::testing::Contains(is("listen", Verdict::failed, EndsWith("/afterword.db is a file that is not a socket"),
                                    StartsWith("move it away"))));
}

TEST_F(ExamineTest, Warnings) {
  configuration_.warnings = {"limits.max_delay: too short"};
  EXPECT_THAT(findings().at(0), is("configuration", Verdict::warning, "limits.max_delay: too short"));
}

}  // namespace
}  // namespace afterword::doctor
