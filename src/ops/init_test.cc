#include "ops/init.h"

#include "base/testing/temporary_folder.h"
#include "ops/configuration_keys.h"
#include "ops/registration.h"
#include "ops/testing/require.h"

#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include <regex>

namespace afterword::ops {
namespace {

using afterword::testing::text_of;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::require;

std::vector<Setting> settings(std::vector<std::string> more = {}) {
  std::vector<Setting> result = {{"homeserver.server_name", "example.org", "--server-name"},
                                 {"homeserver.url", "http://127.0.0.1:8008", "--homeserver"}};
  for (const std::string& text : more) result.push_back(*parse_setting(text));
  return result;
}

std::filesystem::perms mode_of(const std::filesystem::path& path) {
  return std::filesystem::status(path).permissions() & std::filesystem::perms::mask;
}

class InitTest : public ::testing::Test {
 protected:
  InitialFiles init(const std::vector<Setting>& given) {
    InitialFiles files = require(make_initial_files(folder_.path() / "new", given));
    written_ = write_initial_files(files);
    return files;
  }

  afterword::testing::TemporaryFolder folder_;
  Result<void, std::string> written_;
};

TEST_F(InitTest, MakesWhatLoads) {
  const InitialFiles files = init(settings({"listen=[::1]:8010", "limits.max_delay=none", "log.level=debug"}));
  ASSERT_TRUE(written_) << written_.error();
  const Result<Configuration, std::string> loaded = load_configuration(files.configuration_path);
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->server_name, "example.org");
  EXPECT_EQ(loaded->homeserver.port, 8008);
  EXPECT_EQ(to_text(loaded->listen.at(0)), "[::1]:8010");
  EXPECT_FALSE(loaded->limits.max_delay);
  EXPECT_EQ(loaded->log_level, "debug");
  EXPECT_EQ(loaded->as_token, YAML::LoadFile(loaded->registration.string())["as_token"].Scalar());
}

TEST_F(InitTest, ExplainsEveryKeyWithItsDefault) {
  const std::string text = init(settings()).configuration_text;
  for (const Key& key : keys()) {
    const YAML::Node root = YAML::Load(text);
    const YAML::Node at = key.section().empty() ? root : root[std::string(key.section())];
    EXPECT_TRUE(at[std::string(key.last_part())].IsScalar()) << key.name;
    const std::string standard = key.required() ? "" : "# Default: " + std::string(key.standard) + "\n";
    EXPECT_THAT(text, HasSubstr(standard)) << key.name;
  }
}

TEST_F(InitTest, FilesAreTheirOwnersAlone) {
  const InitialFiles files = init(settings());
  using std::filesystem::perms;
  EXPECT_EQ(mode_of(files.configuration_path), perms::owner_read | perms::owner_write);
  EXPECT_EQ(mode_of(files.configuration.registration), perms::owner_read | perms::owner_write);
}

TEST_F(InitTest, OverwritesNeitherFile) {
  const InitialFiles first = init(settings());
  const std::string configuration = text_of(first.configuration_path);
  init(settings({"log.level=debug"}));
  ASSERT_FALSE(written_);
  EXPECT_EQ(written_.error(), first.configuration_path.string() +
                                  " exists already, and is left as it is; move it away, or choose another --dir");
  EXPECT_EQ(text_of(first.configuration_path), configuration);

  std::filesystem::remove(first.configuration_path);
  init(settings());
  ASSERT_FALSE(written_);
  EXPECT_EQ(text_of(first.configuration.registration), first.registration_text);
  EXPECT_FALSE(std::filesystem::exists(first.configuration_path));
}

TEST_F(InitTest, DoesNotFollowADanglingLink) {
  std::filesystem::create_directory(folder_.path() / "new");
  std::filesystem::create_symlink(folder_.path() / "elsewhere", folder_.path() / "new" / "afterword.yaml");
  init(settings());
  EXPECT_FALSE(written_);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "elsewhere"));
}

TEST_F(InitTest, LeavesNoHalf) {
  // The second file cannot be made: its folder is missing.
  InitialFiles files = require(make_initial_files(folder_.path(), settings()));
  files.configuration.registration = folder_.path() / "missing" / "registration.yaml";
  EXPECT_FALSE(write_initial_files(files));
  EXPECT_FALSE(std::filesystem::exists(files.configuration_path));
}

TEST_F(InitTest, RefusesSettingsThatWouldNotLoad) {
  const Result<InitialFiles, std::string> files =
      make_initial_files(folder_.path(), {{"homeserver.server_name", "https://example.org", "--server-name"},
                                          {"homeserver.url", "http://127.0.0.1:8008", "--homeserver"},
                                          {"nonsense", "5", "--set nonsense"}});
  ASSERT_FALSE(files);
  EXPECT_EQ(
      files.error(),
      "--set nonsense: is not a key of Afterword; take it out\n"
      "--server-name: 'https://example.org' is not a server name; write what stands after the colon in a user's id, "
      "as example.org");
}

TEST(Registration, CoversTheServersUsersAndNoOthers) {
  const auto covers = [](const std::string& server_name, const std::string& user_id) {
    const YAML::Node root = YAML::Load(registration_text(make_registration(), server_name));
    const YAML::Node users = root["namespaces"]["users"][0];
    EXPECT_EQ(users["exclusive"].as<bool>(), false);
    return std::regex_match(user_id, std::regex(users["regex"].Scalar()));
  };
  EXPECT_TRUE(covers("example.org", "@alice:example.org"));
  EXPECT_FALSE(covers("example.org", "@alice:exampleXorg"));
  EXPECT_TRUE(covers("[::1]:8448", "@alice:[::1]:8448"));
  EXPECT_FALSE(covers("[::1]:8448", "@alice:1:8448"));
}

TEST(Registration, IsWhatHomeserversAskFor) {
  const Registration made = make_registration();
  const YAML::Node root = YAML::Load(registration_text(made, "example.org"));
  EXPECT_EQ(root["id"].Scalar(), "afterword");
  EXPECT_TRUE(root["url"].IsNull());
  EXPECT_EQ(root["as_token"].Scalar(), made.as_token);
  EXPECT_EQ(root["hs_token"].Scalar(), made.hs_token);
  EXPECT_EQ(root["sender_localpart"].Scalar(), "_afterword");
  EXPECT_EQ(root["rate_limited"].as<bool>(), true);
  EXPECT_EQ(root["namespaces"]["aliases"].size(), 0u);
  EXPECT_EQ(root["namespaces"]["rooms"].size(), 0u);
}

TEST(Registration, TokensAreLongAndNew) {
  const Registration one = make_registration();
  const Registration other = make_registration();
  EXPECT_EQ(one.as_token.size(), 43u);  // 256 bits in base64url
  EXPECT_NE(one.as_token, one.hs_token);
  EXPECT_NE(one.as_token, other.as_token);
}

TEST(Registration, SaysWhichTokenIsNoneWithoutShowingIt) {
  const afterword::testing::TemporaryFolder folder;
  for (const std::string& no_token : {std::string(R"("s3cret\r\nX-Injected: yes")"), std::string(R"("s3cret\0")"),
                                      std::string("s3cret and more"), std::string("s3crét"), std::string(4097, 's')}) {
    for (const auto& [name, other] : {std::pair("as_token", "hs_token"), std::pair("hs_token", "as_token")}) {
      const std::filesystem::path path =
          folder.write("registration.yaml", std::string(other) + ": good\n" + name + ": " + no_token + "\n");
      const auto read = read_registration(path);
      ASSERT_FALSE(read) << no_token;
      EXPECT_EQ(read.error(), path.string() + ": its " + name +
                                  " is no token, which is one word of at most 4096 letters of ASCII; make a new one "
                                  "with `afterword init`");
    }
  }
}

TEST(Registration, SaysWhatIsMissing) {
  const afterword::testing::TemporaryFolder folder;
  const std::filesystem::path path = folder.write("registration.yaml", "as_token: secret\n");
  EXPECT_EQ(read_registration(path).error(), path.string() + ": has no hs_token; make a new one with `afterword init`");
}

}  // namespace
}  // namespace afterword::ops
