#include "ops/configuration.h"

#include "base/testing/temporary_folder.h"
#include "ops/configuration_keys.h"
#include "ops/load_configuration.h"
#include "ops/registration.h"
#include "ops/testing/require.h"

#include <gmock/gmock.h>

#include <chrono>
#include <sys/stat.h>
#include <utility>

namespace afterword::ops {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::require;
using ::testing::StartsWith;

constexpr const char* registration = "as_token: secret-as\nhs_token: secret-hs\n";
constexpr const char* minimal = "homeserver: {url: 'http://127.0.0.1:8008', server_name: example.org}\n";

std::vector<std::string> listen_of(const Configuration& configuration) {
  std::vector<std::string> addresses;
  for (const http::Address& address : configuration.listen) addresses.push_back(to_text(address));
  return addresses;
}

std::vector<std::string> proxies_of(const Configuration& configuration) {
  std::vector<std::string> ranges;
  for (const http::IpRange& range : configuration.trusted_proxies) ranges.push_back(range.text());
  return ranges;
}

class ConfigurationTest : public ::testing::Test {
 protected:
  ConfigurationTest() { folder_.write("afterword-registration.yaml", registration); }

  Result<Configuration, std::string> load(const std::string& text, const std::vector<Setting>& settings = {}) {
    return load_configuration(folder_.write("afterword.yaml", text), settings);
  }

  // The error, without the folder.
  std::string error_of(const std::string& text, const std::vector<Setting>& settings = {}) {
    const Result<Configuration, std::string> loaded = load(text, settings);
    if (loaded) return "none";
    std::string error = loaded.error();
    const std::string folder = folder_.path().string() + "/";
    for (std::size_t at; (at = error.find(folder)) != std::string::npos;) error.erase(at, folder.size());
    return error;
  }

  afterword::testing::TemporaryFolder folder_;
};

TEST_F(ConfigurationTest, NeedsOnlyTheHomeserver) {
  const Result<Configuration, std::string> loaded = load(minimal);
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->homeserver.host, "127.0.0.1");
  EXPECT_EQ(loaded->homeserver.port, 8008);
  EXPECT_EQ(loaded->server_name, "example.org");
  EXPECT_EQ(loaded->as_token, "secret-as");
  EXPECT_THAT(listen_of(*loaded), ElementsAre("127.0.0.1:8009"));
  EXPECT_EQ(loaded->listen_mode, 0660u);
  EXPECT_EQ(std::get<SqliteDatabase>(loaded->database).path, folder_.path() / "afterword.db");
  EXPECT_TRUE(loaded->rate_limits.enabled);
  EXPECT_EQ(loaded->rate_limits.manage.per_second, 10);
  EXPECT_EQ(loaded->rate_limits.manage.burst_count, 100u);
  EXPECT_THAT(proxies_of(*loaded), ElementsAre("127.0.0.1", "::1"));
  EXPECT_EQ(loaded->log_level, "info");
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

// --- Files that others can read ---

class OpenFilesTest : public ConfigurationTest {
 protected:
  // 0700 for a start.
  OpenFilesTest() { set_mode(folder_.path(), 0755); }
  static void set_mode(const std::filesystem::path& path, unsigned mode) {
    std::filesystem::permissions(path, static_cast<std::filesystem::perms>(mode));
  }
  std::vector<std::string> warnings(unsigned registration_mode, unsigned configuration_mode, const std::string& text) {
    const auto path = folder_.write("afterword.yaml", text);
    set_mode(folder_.path() / "afterword-registration.yaml", registration_mode);
    set_mode(path, configuration_mode);
    return require(load_configuration(path)).warnings;
  }
};

TEST_F(OpenFilesTest, ARegistrationMayBeItsGroupsButNotOthers) {
  EXPECT_THAT(warnings(0600, 0644, minimal), IsEmpty());
  EXPECT_THAT(warnings(0640, 0644, minimal), IsEmpty());
  const std::string path = (folder_.path() / "afterword-registration.yaml").string();
  EXPECT_THAT(warnings(0644, 0644, minimal),
              ElementsAre(path +
                          ": every user of this machine can read or change it, and its as_token may speak for "
                          "every user of the homeserver; run: chmod o-rwx " +
                          path));
  EXPECT_THAT(warnings(0602, 0644, minimal), ElementsAre(HasSubstr("chmod o-rwx")));
}

TEST_F(OpenFilesTest, AFolderThatIsClosedToOthersIsEnough) {
  set_mode(folder_.path(), 0750);
  EXPECT_THAT(warnings(0644, 0644, minimal), IsEmpty());
}

TEST_F(OpenFilesTest, AConfigurationWithAPasswordIsASecretToo) {
  const std::string with_password = std::string(minimal) + "database: postgresql://a:secret@127.0.0.1/b\n";
  EXPECT_THAT(warnings(0600, 0640, with_password), IsEmpty());
  EXPECT_THAT(warnings(0600, 0644, with_password), ElementsAre(HasSubstr("it holds the database's password")));
}

TEST_F(OpenFilesTest, ADatabaseIsItsOwners) {
  const std::filesystem::path database = folder_.write("afterword.db", "");
  const std::filesystem::path journal = folder_.write("afterword.db-wal", "");
  set_mode(database, 0640);
  set_mode(journal, 0640);
  EXPECT_THAT(warnings(0600, 0644, minimal), IsEmpty());
  set_mode(database, 0644);
  EXPECT_THAT(warnings(0600, 0644, minimal),
              ElementsAre(database.string() +
                          ": every user of this machine can read or change it, and it holds what users have scheduled; "
                          "run: chmod o-rwx " +
                          database.string()));
  set_mode(database, 0640);
  set_mode(journal, 0644);
  EXPECT_THAT(warnings(0600, 0644, minimal), ElementsAre(StartsWith(journal.string() + ": ")));
}

// --- What is no file ---

TEST_F(ConfigurationTest, OnlyRegularFilesAreRead) {
  const std::string fifo = (folder_.path() / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, std::string("/dev/zero"), folder_.path().string()}) {
    const auto is_refused = StartsWith(path + ": is not a regular file; ");
    const Result<Configuration, std::string> configuration = load_configuration(path);
    ASSERT_FALSE(configuration) << path;
    EXPECT_THAT(configuration.error(), is_refused);
    const Result<Registration, std::string> read = read_registration(path);
    ASSERT_FALSE(read) << path;
    EXPECT_THAT(read.error(), is_refused);
    EXPECT_THAT(load(minimal, {*parse_setting("homeserver.admin_token=file:" + path)}).error(),
                StartsWith("--set homeserver.admin_token: " + path + ": is not a regular file; "));
  }
}

TEST_F(ConfigurationTest, TheTokensOfARegistrationAreTwo) {
  folder_.write("one.yaml", "as_token: secret\nhs_token: secret\n");
  const std::string error = error_of(minimal, {*parse_setting("registration=one.yaml")});
  EXPECT_THAT(error, HasSubstr("one.yaml: its as_token and its hs_token are one"));
  EXPECT_THAT(error, Not(HasSubstr("secret")));
}

TEST_F(ConfigurationTest, KnowsATokenServiceByItsRegistration) {
  EXPECT_FALSE(require(load(minimal)).sidecar);
  const Setting named = *parse_setting("rtc.registration=calls.yaml");
  const std::string tokens = "as_token: services\nhs_token: homeservers\n";
  const std::string unstable =
      "io.element.msc4512.proxy_prefix: rtc/livekit\nio.element.msc4512.proxy_url: http://127.0.0.1:8080\n";
  folder_.write("calls.yaml", tokens + unstable +
                                  "io.element.msc4502.scopes: "
                                  "['urn:matrix:client:io.element.msc4502:rooms:is_joined']\n");
  const auto sidecar = require(load(minimal, {named})).sidecar.value();
  EXPECT_EQ(sidecar.as_token, "services");
  EXPECT_EQ(sidecar.hs_token, "homeservers");
  EXPECT_EQ(sidecar.url.url(), "http://127.0.0.1:8080");
  EXPECT_TRUE(sidecar.may_ask_who_is_joined);

  folder_.write("calls.yaml", tokens + "proxy_prefix: rtc/livekit\nproxy_url: 'http://127.0.0.1:8080/'\n");
  EXPECT_FALSE(require(load(minimal, {named})).sidecar.value().may_ask_who_is_joined);

  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {unstable, "has no as_token and hs_token"},
           {"as_token: 'two words'\nhs_token: homeservers\n" + unstable, "has no as_token and hs_token"},
           {tokens, "proxy_prefix is not rtc/livekit"},
           {tokens + "proxy_prefix: rtc\nproxy_url: http://127.0.0.1:8080\n", "proxy_prefix is not rtc/livekit"},
           {tokens + "proxy_prefix: rtc/livekit\n", "is not a URL"},
           {tokens + "proxy_prefix: rtc/livekit\nproxy_url: http://a/b\n", "must end after the host and port"},
           {"- a\n", "is no registration"},
           {"services: [\n", "is not YAML"}}) {
    folder_.write("calls.yaml", text);
    const std::string told = error_of(minimal, {named});
    EXPECT_THAT(told, StartsWith("--set rtc.registration: ")) << text;
    EXPECT_THAT(told, HasSubstr(error)) << text;
    EXPECT_THAT(told, Not(HasSubstr("homeservers"))) << text;
  }
}

TEST_F(ConfigurationTest, ProxiesMayBeRangesAndAList) {
  EXPECT_THAT(proxies_of(require(load(minimal, {*parse_setting("trusted_proxies=::ffff:10.0.0.1, 10.0.0.0/8")}))),
              ElementsAre("10.0.0.1", "10.0.0.0/8"));
  EXPECT_THAT(proxies_of(require(load(std::string(minimal) + "trusted_proxies:\n  - fd00::/8\n  - 127.0.0.1\n"))),
              ElementsAre("fd00::/8", "127.0.0.1"));
  EXPECT_THAT(proxies_of(require(load(minimal, {*parse_setting("trusted_proxies=none")}))), IsEmpty());
}

TEST_F(ConfigurationTest, MayListenAtSeveralAddresses) {
  const std::string socket = (folder_.path() / "afterword.sock").string();
  EXPECT_THAT(listen_of(require(load(minimal, {*parse_setting("listen=localhost:8009, unix:/run/afterword.sock")}))),
              ElementsAre("localhost:8009", "unix:/run/afterword.sock"));
  EXPECT_THAT(listen_of(require(load(std::string(minimal) + "listen:\n  - unix:afterword.sock\n  - '[::1]:8009'\n"))),
              ElementsAre("unix:" + socket, "[::1]:8009"));
  EXPECT_EQ(require(load(minimal, {*parse_setting("listen_mode=0600")})).listen_mode, 0600u);
}

TEST_F(ConfigurationTest, TheHomeserverMayListenAtAUnixSocket) {
  const Configuration loaded = require(load(minimal, {*parse_setting("homeserver.url=unix:synapse.sock")}));
  EXPECT_EQ(loaded.homeserver.unix_path, folder_.path() / "synapse.sock");
  EXPECT_EQ(loaded.homeserver.url(), "unix:" + (folder_.path() / "synapse.sock").string());
  EXPECT_FALSE(loaded.homeserver.tls);
}

TEST_F(ConfigurationTest, TheHomeserverMayHaveACertificateAuthorityOfItsOwn) {
  const Setting https = *parse_setting("homeserver.url=https://127.0.0.1:8448");
  EXPECT_EQ(error_of(minimal, {https, *parse_setting("homeserver.ca_file=ca.pem")}),
            "--set homeserver.ca_file: ca.pem: No such file or directory; name a file with certificates in PEM");
  folder_.write("ca.pem", "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(error_of(minimal, {https, *parse_setting("homeserver.ca_file=ca.pem")}),
              HasSubstr("ca.pem: holds no certificate in PEM, or one that cannot be read"));
}

TEST_F(ConfigurationTest, WhatPassesThroughIsEverythingOrSomePaths) {
  const auto served = [&](const std::string& value) {
    return require(load(minimal, {*parse_setting("served_paths=" + value)})).served_paths;
  };
  EXPECT_EQ(served("/"), std::vector<std::string>{});
  EXPECT_EQ(served("/_matrix/client/, /health"), (std::vector<std::string>{"/_matrix/client", "/health"}));
  for (const char* wrong : {"_matrix", "/_matrix/client, sync", "/a%2Fb", "/a?b", "//", ","}) {
    EXPECT_THAT(error_of(minimal, {*parse_setting(std::string("served_paths=") + wrong)}), HasSubstr("served_paths"))
        << wrong;
  }
}

TEST_F(ConfigurationTest, TheHomeserversKindMayBeSaid) {
  EXPECT_EQ(require(load(minimal)).homeserver_kind, std::nullopt);
  EXPECT_EQ(require(load(minimal, {*parse_setting("homeserver.kind=synapse")})).homeserver_kind,
            homeserver::Kind::synapse);
  EXPECT_EQ(require(load(minimal, {*parse_setting("homeserver.kind=other")})).homeserver_kind, homeserver::Kind::other);
  EXPECT_EQ(error_of(minimal, {*parse_setting("homeserver.kind=dendrite")}),
            "--set homeserver.kind: 'dendrite' is no kind; write auto, synapse or other");
}

// --- The administrator's token ---

TEST_F(ConfigurationTest, TheAdministratorsTokenIsOptional) {
  EXPECT_EQ(require(load(minimal)).admin_token, std::nullopt);
  EXPECT_EQ(require(load(minimal, {*parse_setting("homeserver.admin_token=syt_abc")})).admin_token, "syt_abc");
}

TEST_F(ConfigurationTest, TheAdministratorsTokenMayStandInAFile) {
  folder_.write("token", "syt_abc\n");
  const Configuration loaded = require(load(minimal, {*parse_setting("homeserver.admin_token=file:token")}));
  EXPECT_EQ(loaded.admin_token, "syt_abc");
  EXPECT_EQ(loaded.admin_token_file, folder_.path() / "token");
  EXPECT_EQ(error_of(minimal, {*parse_setting("homeserver.admin_token=file:missing")}),
            "--set homeserver.admin_token: missing: No such file or directory; name a file with the token alone, "
            "readable by Afterword");
}

TEST_F(ConfigurationTest, AnImpossibleAdministratorsTokenIsNotShown) {
  EXPECT_EQ(error_of(minimal, {*parse_setting("homeserver.admin_token=s3cret and more")}),
            "--set homeserver.admin_token: is not an access token; write one, file:FILE, or none");
}

// --- The token of operators ---

TEST_F(ConfigurationTest, TheTokenOfOperatorsIsASecretOfSomeLength) {
  const auto given = [&](const std::string& token) {
    return load(minimal, {*parse_setting("ops.listen=127.0.0.1:9009"), *parse_setting("ops.token=" + token)});
  };
  EXPECT_EQ(require(load(minimal)).operations_token, std::nullopt);
  EXPECT_EQ(require(given("0123456789abcdef")).operations_token, "0123456789abcdef");
  folder_.write("token", "0123456789abcdef\n");
  EXPECT_EQ(require(given("file:token")).operations_token, "0123456789abcdef");
  EXPECT_EQ(given("0123456789abcde").error(),
            "--set ops.token: can be guessed, for it has less than 16 characters; make one with: openssl rand -hex 32");
  EXPECT_EQ(given("s3cret and much more").error(),
            "--set ops.token: is not an access token; write one, file:FILE, or none");
}

TEST_F(ConfigurationTest, TheTokenOfOperatorsIsForThisMachine) {
  const auto warnings = [&](const std::string& listen) {
    return require(
               load(minimal, {*parse_setting("ops.listen=" + listen), *parse_setting("ops.token=0123456789abcdef")}))
        .warnings;
  };
  for (const char* local : {"127.0.0.1:9009", "127.1.2.3:9009", "[::1]:9009", "localhost:9009", "unix:ops.sock"}) {
    EXPECT_THAT(warnings(local), Not(Contains(HasSubstr("ops.token")))) << local;
  }
  EXPECT_THAT(warnings("0.0.0.0:9009"), Contains(HasSubstr("ops.token: is sent in clear to 0.0.0.0:9009")));
  EXPECT_THAT(warnings("10.0.0.1:9009"), Contains(HasSubstr("ops.token: is sent in clear")));
  EXPECT_THAT(warnings("none"), Contains("ops.token: is of no use unless ops.listen is set"));
}

TEST_F(ConfigurationTest, NoValueHoldsAControlCharacterAndNoneSuchIsShown) {
  for (const Key& key : keys()) {
    for (const char* value : {"s3cret\r\nX-Injected: yes", "s3cret\n", "s3cret\x7f"}) {
      const std::string error =
          error_of(minimal, {Setting{std::string(key.name), value, "--set " + std::string(key.name)}});
      EXPECT_EQ(error, "--set " + std::string(key.name) +
                           ": holds a control character; take it out, or write the value in one line");
    }
  }
  EXPECT_EQ(error_of("homeserver: {url: 'http://a', server_name: b}\nregistration: \"a\\0b\"\n"),
            "afterword.yaml:2: registration: holds a control character; take it out, or write the value in one line");
}

TEST_F(OpenFilesTest, AnAdministratorsTokenIsASecretWhereverItStands) {
  const std::string here = "homeserver: {url: 'http://a', server_name: b, admin_token: abc}\n";
  EXPECT_THAT(warnings(0600, 0640, here), IsEmpty());
  EXPECT_THAT(warnings(0600, 0644, here), ElementsAre(HasSubstr("the administrator's token in it")));
  const std::string elsewhere = "homeserver: {url: 'http://a', server_name: b, admin_token: 'file:token'}\n";
  set_mode(folder_.write("token", "abc"), 0640);
  EXPECT_THAT(warnings(0600, 0644, elsewhere), IsEmpty());
  set_mode(folder_.path() / "token", 0644);
  EXPECT_THAT(warnings(0600, 0644, elsewhere), ElementsAre(HasSubstr("/token: every user of this machine")));
}

TEST_F(OpenFilesTest, TheTokenOfOperatorsIsASecretWhereverItStands) {
  const std::string listen = "homeserver: {url: 'http://a', server_name: b}\nops: {listen: '127.0.0.1:1', token: ";
  EXPECT_THAT(warnings(0600, 0640, listen + "0123456789abcdef}\n"), IsEmpty());
  EXPECT_THAT(warnings(0600, 0644, listen + "0123456789abcdef}\n"), ElementsAre(HasSubstr("can be cancelled")));
  set_mode(folder_.write("token", "0123456789abcdef"), 0644);
  EXPECT_THAT(warnings(0600, 0640, listen + "'file:token'}\n"),
              ElementsAre(HasSubstr("/token: every user of this machine")));
}

TEST_F(ConfigurationTest, ErrorsShowNoPassword) {
  for (const char* url : {"https://user:s3cret@host/path", "ftp://user:s3cret@host", "user:s3cret@host"}) {
    const std::string error = error_of(std::string("homeserver: {url: '") + url + "', server_name: example.org}\n");
    EXPECT_THAT(error, HasSubstr("homeserver.url"));
    EXPECT_THAT(error, Not(HasSubstr("s3cret")));
  }
  for (const char* url : {"postgres://user:s3cret@host", "mysql://user:s3cret@host/b"}) {
    EXPECT_THAT(error_of(std::string(minimal) + "database: '" + url + "'\n"), Not(HasSubstr("s3cret")));
  }
}

TEST_F(ConfigurationTest, StandardValuesAreThoseOfTheDomain) {
  const Configuration loaded = require(load(minimal));
  EXPECT_EQ(loaded.limits.max_delay, domain::Limits().max_delay);
  EXPECT_EQ(loaded.limits.max_message_delay, domain::Limits().max_message_delay);
  EXPECT_EQ(loaded.limits.max_scheduled_per_user, domain::Limits().max_scheduled_per_user);
  EXPECT_EQ(loaded.limits.more_for_calls, domain::Limits().more_for_calls);
  EXPECT_EQ(loaded.retention.max_age, domain::Retention().max_age);
  EXPECT_EQ(loaded.retention.max_per_user, domain::Retention().max_per_user);
}

TEST_F(ConfigurationTest, TheGraceAtStartIsWithinWhatTheSpecificationAllows) {
  EXPECT_EQ(require(load(minimal)).start_grace, 10s);
  EXPECT_EQ(require(load(minimal, {*parse_setting("delivery.start_grace=0s")})).start_grace, 0s);
  EXPECT_FALSE(load(minimal, {*parse_setting("delivery.start_grace=31s")}));
  EXPECT_FALSE(load(minimal, {*parse_setting("delivery.start_grace=none")}));
}

TEST_F(ConfigurationTest, TakesEveryKey) {
  folder_.write("other.yaml", "as_token: other\nhs_token: another\n");
  const Result<Configuration, std::string> loaded = load(
      "homeserver:\n  url: https://hs.example.org\n  server_name: example.org:8448\n"
      "registration: other.yaml\nlisten: '[::1]:8010'\ndatabase: sqlite:/var/lib/afterword/events.db\n"
      "limits:\n  max_delay: 2w\n  max_message_delay: 3w\n  max_scheduled_per_user: 0\n  more_for_calls: 7\n"
      "retention:\n  max_age: 1h\n  max_per_user: 5\n"
      "rate_limits:\n  enabled: false\n  guess: 0.5/s burst 7\ntrusted_proxies: 10.0.0.1,2001:db8::1\nlog:\n  level: "
      "debug\n");
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_TRUE(loaded->homeserver.tls);
  EXPECT_EQ(loaded->server_name, "example.org:8448");
  EXPECT_EQ(loaded->as_token, "other");
  EXPECT_EQ(loaded->listen.at(0).host, "::1");
  EXPECT_EQ(loaded->listen.at(0).port, 8010);
  EXPECT_EQ(std::get<SqliteDatabase>(loaded->database).path, "/var/lib/afterword/events.db");
  EXPECT_EQ(loaded->limits.max_delay, std::chrono::weeks(2));
  EXPECT_EQ(loaded->limits.max_message_delay, std::chrono::weeks(3));
  EXPECT_EQ(loaded->limits.max_scheduled_per_user, 0u);
  EXPECT_EQ(loaded->limits.more_for_calls, 7u);
  EXPECT_EQ(loaded->retention.max_age, 1h);
  EXPECT_EQ(loaded->retention.max_per_user, 5u);
  EXPECT_FALSE(loaded->rate_limits.enabled);
  EXPECT_EQ(loaded->rate_limits.guess.per_second, 0.5);
  EXPECT_EQ(loaded->rate_limits.guess.burst_count, 7u);
  EXPECT_THAT(proxies_of(*loaded), ElementsAre("10.0.0.1", "2001:db8::1"));
  EXPECT_EQ(loaded->log_level, "debug");
}

TEST_F(ConfigurationTest, NoneIsNoLimit) {
  const Configuration loaded =
      require(load(std::string(minimal) + "limits: {max_delay: none, max_scheduled_per_user: none}\n"
                                          "retention: {max_age: none, max_per_user: none}\n"));
  EXPECT_FALSE(loaded.limits.max_delay);
  EXPECT_FALSE(loaded.limits.max_scheduled_per_user);
  EXPECT_FALSE(loaded.retention.max_age);
  EXPECT_FALSE(loaded.retention.max_per_user);
}

TEST_F(ConfigurationTest, KnowsPostgresql) {
  const Configuration loaded = require(load(minimal, {*parse_setting("database=postgresql://u:p@db/afterword")}));
  EXPECT_EQ(std::get<PostgresqlDatabase>(loaded.database).url, "postgresql://u:p@db/afterword");
}

TEST_F(ConfigurationTest, WarnsOfADelayUnderAnHour) {
  EXPECT_THAT(require(load(minimal, {*parse_setting("limits.max_delay=59m")})).warnings,
              ElementsAre(StartsWith("limits.max_delay: 59m is under 1h; ")));
  EXPECT_THAT(require(load(minimal, {*parse_setting("limits.max_delay=1h")})).warnings, IsEmpty());
}

TEST_F(ConfigurationTest, AnEmptySectionIsFine) { EXPECT_TRUE(load(std::string(minimal) + "limits:\n  # none yet\n")); }

TEST_F(ConfigurationTest, ASettingGoesBeforeTheFileAndTheLastOneCounts) {
  const Result<Configuration, std::string> loaded =
      load(std::string(minimal) + "log: {level: nonsense}\n",
           {*parse_setting("log.level=error"), *parse_setting("log.level=debug")});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->log_level, "debug");
}

TEST_F(ConfigurationTest, ASettingIsKeyAndValue) {
  const Setting setting = parse_setting("a.b=c=d").value();
  EXPECT_EQ(setting.key, "a.b");
  EXPECT_EQ(setting.value, "c=d");
  EXPECT_EQ(setting.shown, "--set a.b");
  EXPECT_FALSE(parse_setting("a.b"));
  EXPECT_FALSE(parse_setting("=c"));
}

struct Wrong {
  std::string lines;  // after the homeserver's, which is line 1
  std::string error;
};

TEST_F(ConfigurationTest, SaysWhereWhatAndHowToMend) {
  const Wrong table[] = {
      {"limits:\n  max_dely: 5h",
       "afterword.yaml:3: limits.max_dely: is not a key of Afterword; did you mean limits.max_delay?"},
      {"limit: {max_delay: 5h}",
       "afterword.yaml:2: limit.max_delay: is not a key of Afterword; did you mean limits.max_delay?"},
      {"max_delay: 5h", "afterword.yaml:2: max_delay: is not a key of Afterword; did you mean limits.max_delay?"},
      {"bananas: 5", "afterword.yaml:2: bananas: is not a key of Afterword; take it out"},
      {"limits:\n  max_delay: 5",
       "afterword.yaml:3: limits.max_delay: '5' is not a duration; write a number with ms, s, m, h, d or w, as 24h, or "
       "none"},
      {"limits:\n  max_delay: 0s",
       "afterword.yaml:3: limits.max_delay: '0s' allows no delay at all; to allow nobody to schedule, set "
       "limits.max_scheduled_per_user to 0"},
      {"limits:\n  max_delay:",
       "afterword.yaml:3: limits.max_delay: has no value; write one, or take out the key for 24h"},
      {"limits:\n  max_delay: [5h]",
       "afterword.yaml:3: limits.max_delay: is not a single value; write one, in quotes if it holds brackets or "
       "braces"},
      {"limits: 5", "afterword.yaml:2: limits: is a section; write its keys below it, indented, a line each"},
      {"limits:\n  max_scheduled_per_user: many",
       "afterword.yaml:3: limits.max_scheduled_per_user: 'many' is not a number; write a whole number from 0 to "
       "4294967295, or none"},
      {"limits:\n  more_for_calls: none",
       "afterword.yaml:3: limits.more_for_calls: 'none' is not a number; write a whole number from 0 to 4294967295"},
      {"limits:\n  max_scheduled_per_user: -1",
       "afterword.yaml:3: limits.max_scheduled_per_user: '-1' is not a number; write a whole number from 0 to "
       "4294967295, or none"},
      {"rate_limits:\n  manage: 5",
       "afterword.yaml:3: rate_limits.manage: '5' is not a rate; write N/s burst M, as 5/s burst 100"},
      {"rate_limits:\n  manage: 0/s burst 5",
       "afterword.yaml:3: rate_limits.manage: '0/s burst 5' is not a rate; write N/s burst M, as 5/s burst 100"},
      {"trusted_proxies: proxy.example.org",
       "afterword.yaml:2: trusted_proxies: 'proxy.example.org' is neither an IP address nor a range of them; write "
       "some with commas in between, as 127.0.0.1, ::1, 10.0.0.0/8"},
      {"trusted_proxies: [10.0.0.0/8, 10.0.0.0/64]",
       "afterword.yaml:2: trusted_proxies: '10.0.0.0/64' is neither an IP address nor a range of them; write some with "
       "commas in between, as 127.0.0.1, ::1, 10.0.0.0/8"},
      {"rate_limits:\n  enabled: maybe",
       "afterword.yaml:3: rate_limits.enabled: 'maybe' is neither true nor false; write one of them"},
      {"log:\n  level: loud",
       "afterword.yaml:3: log.level: 'loud' is not a level; write one of trace, debug, info, warning, error, off"},
      {"log: {level: info}\nlog: {level: debug}",
       "afterword.yaml:3: log.level: stands here a second time; keep one of the two"},
      {"listen: 8009",
       "afterword.yaml:2: listen: '8009' is not an address to listen on; write HOST:PORT, as 127.0.0.1:8009 or "
       "[::1]:8009, or unix:PATH"},
      {"listen: '::1:8009'",
       "afterword.yaml:2: listen: '::1:8009' is not an address to listen on; write HOST:PORT, as 127.0.0.1:8009 or "
       "[::1]:8009, or unix:PATH"},
      {"listen: localhost:65536",
       "afterword.yaml:2: listen: 'localhost:65536' is not an address to listen on; write HOST:PORT, as 127.0.0.1:8009 "
       "or [::1]:8009, or unix:PATH"},
      {"listen: []",
       "afterword.yaml:2: listen: is not a single value; write one, in quotes if it holds brackets or braces"},
      {"listen: ','", "afterword.yaml:2: listen: names no address; write HOST:PORT, as 127.0.0.1:8009, or unix:PATH"},
      {"listen: 'unix:'",
       "afterword.yaml:2: listen: 'unix:' names no file; write unix:PATH, as unix:/run/afterword/afterword.sock"},
      {"listen: 'unix:/run/'",
       "afterword.yaml:2: listen: 'unix:/run/' names no file; write unix:PATH, as unix:/run/afterword/afterword.sock"},
      {"listen: unix:/" + std::string(107, 'x'),
       "afterword.yaml:2: listen: '/" + std::string(107, 'x') +
           "' is longer than the 107 bytes that the path of a Unix socket may have; choose a shorter one"},
      {"listen_mode: rw",
       "afterword.yaml:2: listen_mode: 'rw' is not the mode of a file; write three octal digits, as 660"},
      {"listen_mode: 980",
       "afterword.yaml:2: listen_mode: '980' is not the mode of a file; write three octal digits, as 660"},
      {"database: afterword.db",
       "afterword.yaml:2: database: is no database URL; write sqlite:FILE, as sqlite:afterword.db, or postgresql://…"},
      {"database: sqlite://afterword.db",
       "afterword.yaml:2: database: is no database URL; write sqlite:FILE, as sqlite:afterword.db, or postgresql://…"},
      {"registration: away.yaml",
       "afterword.yaml:2: registration: away.yaml: No such file or directory; name the file that `afterword init` "
       "made, readable by Afterword"},
      {"- 5", "afterword.yaml:2: is not YAML: end of map not found; look at that line and the one before it"},
  };
  for (const Wrong& wrong : table) EXPECT_EQ(error_of(minimal + wrong.lines), wrong.error) << wrong.lines;
}

TEST_F(ConfigurationTest, SaysEverythingThatIsWrong) {
  EXPECT_EQ(
      error_of("homeserver: {server_name: '@alice:example.org'}\nretention: {max_age: long}\n"),
      "afterword.yaml: homeserver.url: is missing; add it, as http://127.0.0.1:8008\n"
      "afterword.yaml:1: homeserver.server_name: '@alice:example.org' is not a server name; write what stands after "
      "the colon in a user's id, as example.org\n"
      "afterword.yaml:2: retention.max_age: 'long' is not a duration; write a number with ms, s, m, h, d or w, as "
      "24h, or none");
}

TEST_F(ConfigurationTest, RefusesAFileThatIsNoConfiguration) {
  EXPECT_THAT(error_of("- a\n- b\n"), StartsWith("afterword.yaml:1: is no configuration; "));
  EXPECT_THAT(error_of(""), StartsWith("afterword.yaml: homeserver.url: is missing; "));
}

TEST_F(ConfigurationTest, NamesTheSettingThatIsWrong) {
  EXPECT_EQ(
      error_of(minimal, {*parse_setting("limits.max_delay=soon")}),
      "--set limits.max_delay: 'soon' is not a duration; write a number with ms, s, m, h, d or w, as 24h, or none");
  EXPECT_EQ(error_of(minimal, {*parse_setting("limits.max_dealy=5h")}),
            "--set limits.max_dealy: is not a key of Afterword; did you mean limits.max_delay?");
}

TEST_F(ConfigurationTest, NamesAFileThatIsNotThere) {
  const Result<Configuration, std::string> loaded = load_configuration(folder_.path() / "none.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error(), HasSubstr("none.yaml: No such file or directory; make one with `afterword init`"));
}

TEST_F(ConfigurationTest, NeverShowsASecret) {
  EXPECT_THAT(error_of(minimal, {*parse_setting("database=postgres//user:hunter2@db")}), Not(HasSubstr("hunter2")));
  folder_.write("broken.yaml", "as_token: 'hunter2\n");
  EXPECT_THAT(error_of(std::string(minimal) + "registration: broken.yaml"), Not(HasSubstr("hunter2")));
}

std::string_view meant_by(std::string_view name) {
  const Key* const key = nearest_key(name);
  return key == nullptr ? "none" : key->name;
}

TEST(Keys, AreFoundByWhatWasProbablyMeant) {
  EXPECT_EQ(meant_by("retention.max_ages"), "retention.max_age");
  EXPECT_EQ(meant_by("databse"), "database");
  EXPECT_EQ(meant_by("limits.max_per_user"), "retention.max_per_user");
  EXPECT_EQ(meant_by("server_name"), "homeserver.server_name");
  EXPECT_EQ(meant_by("limits.foo"), "none");
  EXPECT_EQ(meant_by("unrelated"), "none");
  EXPECT_EQ(meant_by(std::string(100'000, 'x')), "none");
}

}  // namespace
}  // namespace afterword::ops
