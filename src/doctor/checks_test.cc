// Each check by itself, as a table: what was seen, and what is found.
#include "doctor/checks.h"

#include "doctor/product.h"

#include <gmock/gmock.h>

#include <chrono>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace afterword::doctor {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Matcher;

constexpr const char* synapse = R"({"server": {"name": "Synapse", "version": "1.163.2 b=main"}})";

Answer answer_of(int status, const std::string& text = "{}") {
  Answer answer{.status = status, .text = text};
  if (auto body = parse_json_object(text)) answer.body = *std::move(body);
  return answer;
}

Answer no_answer(const std::string& reason) { return {.reason = reason}; }

// A healthy one, as one Synapse would leave it, of which each row changes something.
class Seen {
 public:
  Seen() {
    configuration.homeserver.host = "127.0.0.1";
    configuration.homeserver.port = 8008;
    configuration.server_name = "example.org";
    configuration.registration = "/etc/afterword/registration.yaml";
    configuration.listen = {{"127.0.0.1", 8009}};
    configuration.database = ops::SqliteDatabase{"/var/lib/afterword/afterword.db"};
    registration.users = {{R"(@.*:example\.org)", false}};
    answers = {
        {"/_matrix/client/versions", answer_of(200, R"({"versions": ["v1.11"]})")},
        {"/_matrix/federation/v1/version", answer_of(200, synapse)},
        {"/_dendrite/monitor/up", answer_of(404)},
        {"/_matrix/client/v3/account/whoami", answer_of(200, R"({"user_id": "@_afterword:example.org"})")},
        {"/_matrix/client/v3/account/whoami?user_id=%40afterword-check-nobody%3Aexample.org",
         answer_of(403, R"({"errcode": "M_FORBIDDEN", "error": "Application service has not registered this user"})")},
        {"/_matrix/client/v3/capabilities", answer_of(200, R"({"capabilities": {}})")},
    };
    database.durability = store::Durability{{{"journal_mode", "wal"}, {"synchronous", "2"}}, {}};
    database.disk = Disk{.folder = "/var/lib/afterword", .free_bytes = 61ull << 30, .syncs = {3ms, 2ms, 9ms}};
  }

  // As examine() does, without asking anybody.
  Findings judge(const Check& check) const {
    Evidence evidence(configuration);
    evidence.registration = registration;
    evidence.sockets = sockets;
    evidence.database = database;
    for (const Check* const each : all_checks()) {
      if (each->questions != nullptr) answer_all(each->questions(evidence), evidence);
      if (each == &check) break;
    }
    // Of the Afterword that runs.
    answer_all(listen_check.questions(evidence), evidence);
    return check.judge(evidence);
  }

  ops::Configuration configuration;
  ops::Registration registration;
  std::vector<SocketSeen> sockets;
  DatabaseSeen database;
  std::map<std::string, Answer> answers;       // of the homeserver
  std::map<std::string, Answer> afterwords{};  // of the Afterword that runs, if one does
  std::vector<Answer> limited{};               // of what is asked several times

 private:
  void answer_all(const std::vector<Question>& questions, Evidence& evidence) const {
    for (const Question& question : questions) {
      if (evidence.has(question)) continue;
      const auto& all = question.to == Question::To::afterword ? afterwords : answers;
      const auto found = all.find(question.target);
      std::vector<Answer> given = limited;
      if (question.times == 1) given = {found == all.end() ? no_answer("Connection refused") : found->second};
      evidence.add(question, std::move(given));
    }
  }
};

struct Row {
  const char* what;
  const Check* check;
  std::function<void(Seen&)> change;
  Verdict verdict;
  Matcher<std::string> detail;
  Matcher<std::string> fix = IsEmpty();
};

void PrintTo(const Row& row, std::ostream* stream) { *stream << row.what; }

class Checks : public ::testing::TestWithParam<Row> {};

TEST_P(Checks, FindsWhatIsWrong) {
  const Row& row = GetParam();
  Seen seen;
  row.change(seen);
  EXPECT_THAT(
      seen.judge(*row.check),
      ElementsAre(AllOf(Field(&Finding::name, std::string(row.check->name)), Field(&Finding::verdict, row.verdict),
                        Field(&Finding::detail, row.detail), Field(&Finding::fix, row.fix))))
      << row.what;
}

void nothing(Seen&) {}

std::function<void(Seen&)> answering(const std::string& target, const Answer& answer) {
  return [=](Seen& seen) { seen.answers[target] = answer; };
}

constexpr const char* versions = "/_matrix/client/versions";
constexpr const char* federation_version = "/_matrix/federation/v1/version";

INSTANTIATE_TEST_SUITE_P(
    Homeserver, Checks,
    ::testing::Values(
        Row{"it is there", &homeserver_check, nothing, Verdict::ok, "Synapse 1.163.2 at http://127.0.0.1:8008"},
        Row{"it says nothing of itself", &homeserver_check, answering(federation_version, answer_of(404)), Verdict::ok,
            "a homeserver at http://127.0.0.1:8008"},
        Row{"Synapse without federation", &homeserver_check,
            [](Seen& seen) {
              seen.answers.erase(federation_version);
              seen.answers[versions].headers.add("Server", "Synapse/1.2.3");
            },
            Verdict::ok, "Synapse 1.2.3 at http://127.0.0.1:8008"},
        Row{"Dendrite without federation", &homeserver_check,
            [](Seen& seen) {
              seen.answers.erase(federation_version);
              seen.answers["/_dendrite/monitor/up"] = answer_of(200, "");
            },
            Verdict::ok, "Dendrite at http://127.0.0.1:8008"},
        Row{"none", &homeserver_check, answering(versions, no_answer("Connection refused")), Verdict::failed,
            "no answer from http://127.0.0.1:8008: Connection refused",
            "start the homeserver, or correct homeserver.url"},
        Row{"a certificate of nobody", &homeserver_check, answering(versions, no_answer("certificate verify failed")),
            Verdict::failed, HasSubstr("certificate"), HasSubstr("homeserver.ca_file")},
        Row{"something else", &homeserver_check, answering(versions, answer_of(200, "<html>")), Verdict::failed,
            HasSubstr("not as a homeserver does"), HasSubstr("homeserver.url")},
        Row{"Afterword itself", &homeserver_check, [](Seen& seen) { seen.answers[versions].is_afterwords = true; },
            Verdict::failed, HasSubstr("leads back to Afterword"), HasSubstr("correct homeserver.url")}));

constexpr const char* whoami = "/_matrix/client/v3/account/whoami";
constexpr const char* stranger = "/_matrix/client/v3/account/whoami?user_id=%40afterword-check-nobody%3Aexample.org";
const Answer unknown_token = answer_of(401, R"({"errcode": "M_UNKNOWN_TOKEN"})");

INSTANTIATE_TEST_SUITE_P(
    Registration, Checks,
    ::testing::Values(
        Row{"it is loaded", &registration_check, nothing, Verdict::ok,
            "known to the homeserver, as @_afterword:example.org"},
        Row{"it is not loaded", &registration_check, answering(whoami, unknown_token), Verdict::failed,
            "the homeserver does not know the as_token",
            AllOf(HasSubstr("list /etc/afterword/registration.yaml"), HasSubstr("app_service_config_files"),
                  HasSubstr("app_service_api.config_files"), HasSubstr("restart"))},
        Row{"of another server", &registration_check,
            answering(whoami, answer_of(200, R"({"user_id": "@_afterword:other.org:8448"})")), Verdict::failed,
            "the homeserver is other.org:8448, not example.org", HasSubstr("homeserver.server_name")},
        Row{"refused otherwise", &registration_check,
            answering(whoami, answer_of(403, R"({"errcode": "M_FORBIDDEN"})")), Verdict::failed,
            HasSubstr("answers 403 (M_FORBIDDEN)"), HasSubstr("log")},
        Row{"no answer", &registration_check, answering(whoami, no_answer("timed out")), Verdict::failed,
            "no answer: timed out", HasSubstr("log")},
        Row{"it limits users", &rate_limited_check, nothing, Verdict::ok, HasSubstr("own limits hold")},
        Row{"it limits nobody", &rate_limited_check, [](Seen& seen) { seen.configuration.rate_limited = false; },
            Verdict::warning, HasSubstr("rate_limited is false"),
            HasSubstr("rate_limited: true in /etc/afterword/registration.yaml")}));

INSTANTIATE_TEST_SUITE_P(
    Namespace, Checks,
    ::testing::Values(
        Row{"all users", &namespace_check, nothing, Verdict::ok, "all users of example.org"},
        Row{"none", &namespace_check, [](Seen& seen) { seen.registration.users.clear(); }, Verdict::failed,
            HasSubstr("covers no user like @alice:example.org"),
            AllOf(HasSubstr(R"(regex: '@.*:example\.org')"), HasSubstr("restart the homeserver"))},
        Row{"some", &namespace_check,
            [](Seen& seen) {
              seen.registration.users = {{R"(@[a-z]+:example\.org)", false}};
            },
            Verdict::failed, HasSubstr("covers no user like @0-9_x.y/z:example.org"), HasSubstr("namespaces.users")},
        Row{"another server's", &namespace_check,
            [](Seen& seen) {
              seen.registration.users = {{R"(@.*:other\.org)", false}};
            },
            Verdict::failed, HasSubstr("covers no user like"), HasSubstr("regex")},
        Row{"in two parts", &namespace_check,
            [](Seen& seen) {
              seen.registration.users = {{R"(@[a-z].*)", false}, {R"(@[^a-z].*:example\.org)", false}};
            },
            Verdict::ok, "all users of example.org"},
        Row{"as the homeserver's own syntax", &namespace_check,
            [](Seen& seen) {
              seen.registration.users = {{R"((?P<all>@.*))", false}};
            },
            Verdict::ok, "all users of example.org"},
        Row{"exclusive", &namespace_check, [](Seen& seen) { seen.registration.users.at(0).exclusive = true; },
            Verdict::failed, HasSubstr("exclusive: true"), HasSubstr("write exclusive: false")},
        Row{"with a url", &namespace_check, [](Seen& seen) { seen.registration.has_url = true; }, Verdict::warning,
            HasSubstr("has a url"), HasSubstr("url: null")},
        Row{"an older one is loaded", &namespace_check, answering(stranger, answer_of(403, R"({"errcode": "M_FORBIDDEN",
                "error": "Application service cannot masquerade as this user (@x:example.org)."})")),
            Verdict::failed, HasSubstr("does not let Afterword act for its users"),
            HasSubstr("restart the homeserver: it has another registration")}));

INSTANTIATE_TEST_SUITE_P(
    OwnDelayedEvents, Checks,
    ::testing::Values(Row{"off", &delayed_events_check,
                          answering(versions,
                                    answer_of(200, R"({"unstable_features": {"org.matrix.msc4140": false}})")),
                          Verdict::ok, "Afterword's alone"},
                      Row{"on in Synapse", &delayed_events_check,
                          answering(versions, answer_of(200, R"({"unstable_features": {"org.matrix.msc4140": true}})")),
                          Verdict::warning, HasSubstr("the homeserver's own are on too"),
                          AllOf(HasSubstr("max_event_delay_duration"), HasSubstr("docs/moving.md"))},
                      Row{"on in another", &delayed_events_check,
                          [](Seen& seen) {
                            seen.answers[federation_version] = answer_of(404);
                            seen.answers[versions] =
                                answer_of(200, R"({"unstable_features": {"org.matrix.msc4140.stable": true}})");
                          },
                          Verdict::warning, HasSubstr("own are on"), HasSubstr("switch them off")}));

// Asked over a tenth of a second at that time, and answered with this date.
std::function<void(Seen&)> at(std::chrono::seconds since_epoch, const std::string& date) {
  return [=](Seen& seen) {
    Answer& answer = seen.answers[versions];
    answer.asked = WallTime(since_epoch);
    answer.answered = WallTime(since_epoch + 100ms);
    if (!date.empty()) answer.headers.add("Date", date);
  };
}

INSTANTIATE_TEST_SUITE_P(
    Clock, Checks,
    ::testing::Values(Row{"the same", &clock_check, at(784111777s, "Sun, 06 Nov 1994 08:49:37 GMT"), Verdict::ok,
                          "the homeserver's, within 5 s"},
                      Row{"a little ahead", &clock_check, at(784111777s, "Sun, 06 Nov 1994 08:49:41 GMT"), Verdict::ok,
                          HasSubstr("within")},
                      Row{"ahead", &clock_check, at(784111777s, "Sun, 06 Nov 1994 08:50:37 GMT"), Verdict::warning,
                          HasSubstr("is 60 s ahead of this machine's"), HasSubstr("set-ntp")},
                      Row{"behind", &clock_check, at(784111777s, "Sun, 06 Nov 1994 07:49:37 GMT"), Verdict::warning,
                          HasSubstr("is 3600 s behind this machine's"), HasSubstr("set-ntp")},
                      Row{"untold", &clock_check, at(784111777s, ""), Verdict::ok, HasSubstr("tells no time")},
                      Row{"nonsense", &clock_check, at(784111777s, "today"), Verdict::ok, HasSubstr("tells no time")}));

constexpr const char* account = "/_synapse/admin/v2/users/%40_afterword%3Aexample.org";

std::function<void(Seen&)> administrator(const Answer& answer) {
  return [=](Seen& seen) {
    seen.configuration.admin_token = "of an administrator";
    seen.answers[account] = answer;
  };
}

INSTANTIATE_TEST_SUITE_P(
    Accounts, Checks,
    ::testing::Values(
        Row{"without a token", &accounts_check, nothing, Verdict::ok, HasSubstr("not looked up, without")},
        Row{"no account of its own", &accounts_check, administrator(answer_of(404, R"({"errcode": "M_NOT_FOUND"})")),
            Verdict::ok, "looked up before a delivery"},
        Row{"with an account", &accounts_check, administrator(answer_of(200)), Verdict::ok,
            "looked up before a delivery"},
        Row{"no administrator's", &accounts_check, administrator(answer_of(403, R"({"errcode": "M_FORBIDDEN"})")),
            Verdict::warning, HasSubstr("answers 403 (M_FORBIDDEN)"), HasSubstr("administrator's session")},
        Row{"no answer", &accounts_check, administrator(no_answer("timed out")), Verdict::warning,
            "no answer: timed out", HasSubstr("administrator's session")}));

std::function<void(Seen&)> dendrite(int good, const std::string& limit) {
  return [=](Seen& seen) {
    seen.answers[federation_version] = answer_of(200, R"({"server": {"name": "Dendrite", "version": "0.13.8"}})");
    for (int i = 0; i < 12; ++i) seen.limited.push_back(i < good ? answer_of(200) : answer_of(429, limit));
  };
}

INSTANTIATE_TEST_SUITE_P(
    Whoami, Checks,
    ::testing::Values(Row{"not at all", &whoami_check, dendrite(12, ""), Verdict::ok, "not limited"},
                      Row{"as Dendrite comes", &whoami_check, dendrite(5, R"({"retry_after_ms": 500})"), Verdict::ok,
                          "limited to 5 in 500 ms for each device, which Afterword waits out"},
                      Row{"to fewer", &whoami_check, dendrite(2, R"({"retry_after_ms": 500})"), Verdict::warning,
                          HasSubstr("limited to 2 in 500 ms"),
                          AllOf(HasSubstr("threshold: 5"), HasSubstr("cooloff_ms: 500"))},
                      Row{"for longer", &whoami_check, dendrite(5, R"({"retry_after_ms": 5000})"), Verdict::warning,
                          HasSubstr("limited to 5 in 5000 ms"), HasSubstr("dendrite.yaml")}));

TEST(CheckList, DoNotTryTheLimitsOfSynapse) { EXPECT_THAT(Seen().judge(whoami_check), IsEmpty()); }

const Answer afterword_runs_there = answer_of(401, R"({"errcode": "M_MISSING_TOKEN"})");

void afterword_is_running(Seen& seen) {
  seen.afterwords["/_matrix/client/v1/delayed_events/-"] = afterword_runs_there;
  seen.afterwords[versions] = answer_of(200, R"({"unstable_features": {"org.matrix.msc4140": true}})");
}

INSTANTIATE_TEST_SUITE_P(
    Clients, Checks,
    ::testing::Values(
        Row{"the limits", &clients_check, nothing, Verdict::ok,
            "see delayed events: up to 24h, 100 at once for each user"},
        Row{"no limits", &clients_check,
            [](Seen& seen) {
              seen.configuration.limits = {std::nullopt, std::nullopt};
            },
            Verdict::ok, "see delayed events: of any delay, as many as they like"},
        Row{"small limits", &clients_check,
            [](Seen& seen) {
              seen.configuration.limits = {90s, 0};
            },
            Verdict::ok, "see delayed events: up to 90s, 0 at once for each user"},
        Row{"what runs announces them", &clients_check, afterword_is_running, Verdict::ok, HasSubstr("up to 24h")},
        Row{"what runs does not", &clients_check,
            [](Seen& seen) {
              afterword_is_running(seen);
              seen.afterwords[versions] = answer_of(502);
            },
            Verdict::failed, HasSubstr("versions at 127.0.0.1:8009 was answered 502"), HasSubstr("log")},
        Row{"capabilities are refused", &clients_check,
            answering("/_matrix/client/v3/capabilities", answer_of(401, R"({"errcode": "M_UNKNOWN_TOKEN"})")),
            Verdict::warning, HasSubstr("with 401 (M_UNKNOWN_TOKEN)"), HasSubstr("registration")}));

INSTANTIATE_TEST_SUITE_P(
    Listen, Checks,
    ::testing::Values(
        Row{"nobody there", &listen_check, nothing, Verdict::ok, "Afterword does not run at 127.0.0.1:8009"},
        Row{"Afterword", &listen_check, afterword_is_running, Verdict::ok, "Afterword runs at 127.0.0.1:8009"},
        Row{"something else", &listen_check,
            [](Seen& seen) { seen.afterwords["/_matrix/client/v1/delayed_events/-"] = answer_of(404); },
            Verdict::failed, HasSubstr("is not Afterword: it answers 404"), HasSubstr("another address in listen")},
        Row{"a socket without a folder", &listen_check,
            [](Seen& seen) { seen.sockets = {{.path = "/run/a/s", .folder = "/run/a", .has_folder = false}}; },
            Verdict::failed, "/run/a is no folder", HasSubstr("make it")},
        Row{"a socket in the way of a file", &listen_check,
            [](Seen& seen) { seen.sockets = {{.path = "/run/s", .folder = "/run", .is_another_file = true}}; },
            Verdict::failed, "/run/s is a file that is not a socket", HasSubstr("move it away")}));

std::function<void(Seen&)> database_is(DatabaseSeen::State state, const std::string& error = {}) {
  return [=](Seen& seen) {
    seen.database.state = state;
    seen.database.error = error;
  };
}

INSTANTIATE_TEST_SUITE_P(
    Database, Checks,
    ::testing::Values(Row{"opens", &database_check, nothing, Verdict::ok, "opens"},
                      Row{"to be made", &database_check, database_is(DatabaseSeen::State::not_made_yet), Verdict::ok,
                          "/var/lib/afterword/afterword.db will be made at the first start"},
                      Row{"not to be made", &database_check, database_is(DatabaseSeen::State::cannot_be_made),
                          Verdict::failed, "afterword.db cannot be made in /var/lib/afterword",
                          HasSubstr("make that folder")},
                      Row{"refused", &database_check, database_is(DatabaseSeen::State::refused, "not a database"),
                          Verdict::failed, "not a database"},
                      Row{"used by what runs", &database_check,
                          [](Seen& seen) {
                            database_is(DatabaseSeen::State::refused, "in use")(seen);
                            afterword_is_running(seen);
                          },
                          Verdict::ok, "in use by the Afterword that runs at 127.0.0.1:8009"},
                      Row{"of a server that is away, although one runs", &database_check,
                          [](Seen& seen) {
                            database_is(DatabaseSeen::State::refused, "Connection refused")(seen);
                            seen.configuration.database = ops::PostgresqlDatabase{"postgresql://x"};
                            afterword_is_running(seen);
                          },
                          Verdict::failed, "Connection refused"}));

std::function<void(Seen&)> setting(const std::string& name, const std::string& value) {
  return [=](Seen& seen) { seen.database.durability->settings = {{name, value}}; };
}

INSTANTIATE_TEST_SUITE_P(
    Durability, Checks,
    ::testing::Values(Row{"SQLite's", &durability_check, nothing, Verdict::ok, "journal_mode wal, synchronous 2"},
                      Row{"without a log", &durability_check, setting("journal_mode", "delete"), Verdict::warning,
                          HasSubstr("journal_mode is delete"), HasSubstr("local disk")},
                      Row{"without a sync", &durability_check, setting("synchronous", "1"), Verdict::failed,
                          HasSubstr("synchronous is 1: a power failure loses"), HasSubstr("SQLite")},
                      Row{"PostgreSQL's", &durability_check, setting("fsync", "on"), Verdict::ok, "fsync on"},
                      Row{"without fsync", &durability_check, setting("fsync", "off"), Verdict::warning,
                          HasSubstr("fsync is off"), HasSubstr("fsync = on")},
                      Row{"not waiting", &durability_check, setting("synchronous_commit", "off"), Verdict::warning,
                          HasSubstr("loses what was acknowledged"), HasSubstr("synchronous_commit = on")},
                      Row{"waiting here alone", &durability_check, setting("synchronous_commit", "local"), Verdict::ok,
                          "synchronous_commit local"},
                      Row{"torn pages", &durability_check, setting("full_page_writes", "off"), Verdict::warning,
                          HasSubstr("may damage"), HasSubstr("full_page_writes = on")}));

std::function<void(Seen&)> token_service(const Answer& answer) {
  return [=](Seen& seen) {
    seen.configuration.sidecar.emplace();
    seen.configuration.sidecar->url = {.tls = false, .host = "127.0.0.1", .port = 8090};
    seen.answers["/_matrix/client/v1/rtc/livekit/get_token"] = answer;
  };
}

INSTANTIATE_TEST_SUITE_P(
    TokenService, Checks,
    ::testing::Values(Row{"it refuses who has no token", &token_service_check, token_service(answer_of(401)),
                          Verdict::ok, "answers at http://127.0.0.1:8090, and refuses who has no token (401)"},
                      Row{"it is away", &token_service_check, token_service(no_answer("Connection refused")),
                          Verdict::failed, "no answer from http://127.0.0.1:8090: Connection refused",
                          HasSubstr("proxy_url")},
                      Row{"it is broken", &token_service_check, token_service(answer_of(502)), Verdict::warning,
                          "http://127.0.0.1:8090 answers 502", HasSubstr("log")},
                      Row{"it answers everybody", &token_service_check, token_service(answer_of(200)), Verdict::warning,
                          HasSubstr("in anybody's name"), HasSubstr("hs_token")}));

TEST(CheckList, SayNothingOfATokenServiceThatIsNotThere) { EXPECT_THAT(Seen().judge(token_service_check), IsEmpty()); }

TEST(CheckList, SayNothingOfADatabaseThatCannotBeRead) {
  Seen seen;
  seen.database = {};
  for (const Check* check : {&durability_check, &disk_check, &sync_check}) EXPECT_THAT(seen.judge(*check), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Disks, Checks,
    ::testing::Values(Row{"room", &disk_check, nothing, Verdict::ok, "61 GiB free in /var/lib/afterword"},
                      Row{"little room", &disk_check, [](Seen& seen) { seen.database.disk->free_bytes = 700ull << 20; },
                          Verdict::warning, HasSubstr("700 MiB free in /var/lib/afterword"), HasSubstr("make room")},
                      Row{"no room", &disk_check, [](Seen& seen) { seen.database.disk->free_bytes = 10ull << 20; },
                          Verdict::failed, HasSubstr("10 MiB free"), HasSubstr("make room")},
                      Row{"memory", &disk_check, [](Seen& seen) { seen.database.disk->in_memory = true; },
                          Verdict::warning, HasSubstr("is in memory"), HasSubstr("on a disk")},
                      Row{"network", &disk_check, [](Seen& seen) { seen.database.disk->on_network = true; },
                          Verdict::warning, HasSubstr("network file system"), HasSubstr("PostgreSQL")},
                      Row{"fast", &sync_check, nothing, Verdict::ok, "a sync takes 3.0 ms (the slowest of 3: 9.0 ms)"},
                      Row{"slow", &sync_check,
                          [](Seen& seen) {
                            seen.database.disk->syncs = {60ms, 60ms, 1ms};
                          },
                          Verdict::warning, HasSubstr("a sync takes 60.0 ms"), HasSubstr("faster disk")},
                      Row{"not to be tried", &sync_check,
                          [](Seen& seen) {
                            seen.database.disk->syncs.clear();
                            seen.database.disk->why_no_syncs = "Permission denied";
                          },
                          Verdict::ok, "not measured: Permission denied"},
                      Row{"of a server", &sync_check,
                          [](Seen& seen) {
                            seen.database.disk.reset();
                            seen.database.durability->commits = {4ms, 5ms, 6ms};
                          },
                          Verdict::ok, "a commit takes 5.0 ms (the slowest of 3: 6.0 ms)"}));

}  // namespace
}  // namespace afterword::doctor
