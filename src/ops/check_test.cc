#include "ops/check.h"

#include "async/task_group.h"
#include "base/testing/temporary_folder.h"
#include "http/server.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

#include <map>
#include <utility>

namespace afterword::ops {
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
  };
  std::string authorization;  // of the last request

 private:
  async::Task<http::Response> answer(http::Request request) {
    authorization = request.headers.find("Authorization").value_or("");
    const auto found = answers.find(request.target);
    http::Response response;
    response.status = 404;
    if (found != answers.end()) response = found->second;
    co_return response;
  }

  http::Server server_;
};

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    configuration_.homeserver.host = "127.0.0.1";
    configuration_.homeserver.port = homeserver_.port();
    configuration_.server_name = "example.org";
    configuration_.registration = "/etc/afterword/registration.yaml";
    configuration_.as_token = "secret";
    configuration_.listen = {{"127.0.0.1", 1}};  // nothing listens there
    configuration_.database = SqliteDatabase{folder_.write("afterword.db", "")};
  }

  std::vector<Finding> findings() {
    std::vector<Finding> found;
    async::TaskGroup tasks(io_.get_executor());
    tasks.spawn("check", look(found));
    io_.run();
    return found;
  }

  afterword::testing::TemporaryFolder folder_;
  async::asio::io_context io_;
  ScriptedHomeserver homeserver_{io_.get_executor()};
  Configuration configuration_;
  Result<void, std::string> database_;

 private:
  async::Task<void> look(std::vector<Finding>& found) {
    TryDatabase try_database = [this](const Configuration&) { return opened(); };
    found = co_await check(io_.get_executor(), configuration_, std::move(try_database));
    co_await homeserver_.stop();
  }
  async::Task<Result<void, std::string>> opened() { co_return database_; }
};

TEST_F(CheckTest, AllIsWell) {
  EXPECT_THAT(findings(), ElementsAre(is("homeserver", Verdict::ok, StartsWith("Synapse 1.2 at http://127.0.0.1:")),
                                      is("registration", Verdict::ok, EndsWith("as @_afterword:example.org")),
                                      is("accounts", Verdict::ok, StartsWith("not looked up, without")),
                                      is("database", Verdict::ok, "opens")));
  EXPECT_EQ(homeserver_.authorization, "Bearer secret");
}

TEST_F(CheckTest, AHomeserverNeedNotSayWhichItIs) {
  homeserver_.answers.erase("/_matrix/federation/v1/version");
  EXPECT_THAT(findings().at(0), is("homeserver", Verdict::ok, StartsWith("a homeserver at http://")));
}

TEST_F(CheckTest, NoHomeserver) {
  configuration_.homeserver.port = 1;
  EXPECT_THAT(findings(),
              ElementsAre(is("homeserver", Verdict::failed, StartsWith("no answer from http://127.0.0.1:1: "),
                             "start the homeserver, or correct homeserver.url"),
                          is("database", Verdict::ok, "opens")));
}

TEST_F(CheckTest, SomethingElseAnswers) {
  homeserver_.answers["/_matrix/client/versions"] = {200, {}, "<html>"};
  EXPECT_THAT(findings().at(0), is("homeserver", Verdict::failed, EndsWith("answers 200, but not as a homeserver does"),
                                   HasSubstr("homeserver.url")));
}

TEST_F(CheckTest, TheRegistrationIsNotKnown) {
  homeserver_.answers["/_matrix/client/v3/account/whoami"] = {401, {}, R"({"errcode": "M_UNKNOWN_TOKEN"})"};
  EXPECT_THAT(findings().at(1), is("registration", Verdict::failed, "the homeserver does not know the as_token",
                                   ::testing::AllOf(HasSubstr("/etc/afterword/registration.yaml"),
                                                    HasSubstr("app_service_config_files"), HasSubstr("restart"))));
}

TEST_F(CheckTest, TheHomeserverHasAnotherName) {
  homeserver_.answers["/_matrix/client/v3/account/whoami"] = {200, {}, R"({"user_id": "@_afterword:other.org:8448"})"};
  EXPECT_THAT(findings().at(1), is("registration", Verdict::failed, "the homeserver is other.org:8448, not example.org",
                                   HasSubstr("homeserver.server_name")));
}

TEST_F(CheckTest, TheHomeserverRefusesForAnotherReason) {
  homeserver_.answers["/_matrix/client/v3/account/whoami"] = {403, {}, R"({"errcode": "M_FORBIDDEN"})"};
  EXPECT_THAT(findings().at(1),
              is("registration", Verdict::failed, EndsWith("answers 403 (M_FORBIDDEN)"), HasSubstr("log")));
}

TEST_F(CheckTest, TheDatabaseDoesNotOpen) {
  database_ = std::string("afterword.db: is not a database; name another");
  EXPECT_THAT(findings().at(3), is("database", Verdict::failed, "afterword.db: is not a database; name another"));
}

TEST_F(CheckTest, TheDatabaseIsInUseByARunningAfterword) {
  database_ = std::string("afterword.db: in use");
  homeserver_.answers["/_matrix/client/v1/delayed_events/-"] = {401, {}, R"({"errcode": "M_MISSING_TOKEN"})"};
  configuration_.listen.at(0).port = homeserver_.port();
  EXPECT_THAT(findings().at(3),
              is("database", Verdict::ok, HasSubstr("in use by the Afterword that runs at 127.0.0.1:")));
}

TEST_F(CheckTest, MakesNoDatabase) {
  const std::filesystem::path path = folder_.path() / "new.db";
  configuration_.database = SqliteDatabase{path};
  database_ = std::string("not to be asked");
  EXPECT_THAT(findings().at(3), is("database", Verdict::ok, path.string() + " will be made at the first start"));
}

TEST_F(CheckTest, TheDatabaseHasNoFolder) {
  configuration_.database = SqliteDatabase{folder_.path() / "missing" / "new.db"};
  EXPECT_THAT(findings().at(3),
              is("database", Verdict::failed, StartsWith("new.db cannot be made in "), HasSubstr("make that folder")));
}

TEST_F(CheckTest, LooksWhetherUsersAreLimited) {
  configuration_.rate_limited = false;
  EXPECT_THAT(findings().at(3), is("rate limits", Verdict::warning, EndsWith("rate_limited is false"),
                                   HasSubstr("rate_limited: true in /etc/afterword/registration.yaml")));
}

TEST_F(CheckTest, LooksWhetherAccountsCanBeLookedUp) {
  const std::string path = "/_synapse/admin/v2/users/%40_afterword%3Aexample.org";
  configuration_.admin_token = "of an administrator";
  homeserver_.answers[path] = {404, {}, R"({"errcode": "M_NOT_FOUND"})"};
  EXPECT_THAT(findings().at(2), is("accounts", Verdict::ok, "looked up before a delivery"));
}

TEST_F(CheckTest, TheAdministratorsTokenIsRefused) {
  const std::string path = "/_synapse/admin/v2/users/%40_afterword%3Aexample.org";
  configuration_.admin_token = "of-nobody";
  homeserver_.answers[path] = {403, {}, R"({"errcode": "M_FORBIDDEN"})"};
  EXPECT_THAT(findings().at(2), is("accounts", Verdict::warning, HasSubstr("answers 403 (M_FORBIDDEN)"),
                                   HasSubstr("token of an administrator's session")));
}

TEST_F(CheckTest, AUnixSocketNeedsAFolderAndAFreePath) {
  configuration_.listen = {{.unix_path = (folder_.path() / "missing" / "socket").string()},
                           {.unix_path = (folder_.path() / "afterword.db").string()},
                           {.unix_path = (folder_.path() / "socket").string()}};
  const std::vector<Finding> found = findings();
  ASSERT_EQ(found.size(), 6u);
  EXPECT_THAT(found.at(3), is("listen", Verdict::failed, EndsWith("/missing is no folder"), StartsWith("make it")));
  EXPECT_THAT(found.at(4), is("listen", Verdict::failed, EndsWith("/afterword.db is a file that is not a socket"),
                              StartsWith("move it away")));
}

TEST_F(CheckTest, Warnings) {
  configuration_.warnings = {"limits.max_delay: too short"};
  EXPECT_THAT(findings().at(0), is("configuration", Verdict::warning, "limits.max_delay: too short"));
}

TEST(Finding, IsALineAndItsMend) {
  EXPECT_EQ(to_text(Finding{"database", Verdict::ok, "opens", ""}), "ok       database       opens\n");
  EXPECT_EQ(to_text(Finding{"homeserver", Verdict::failed, "no answer", "start it"}),
            "FAILED   homeserver     no answer\n                        -> start it\n");
}

}  // namespace
}  // namespace afterword::ops
