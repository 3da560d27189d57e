#include "main/command_line.h"

#include <gmock/gmock.h>

#include <initializer_list>

namespace afterword {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CommandLine parse(std::initializer_list<const char*> arguments) {
  std::vector<const char*> all = {"afterword"};
  all.insert(all.end(), arguments);
  return parse_command_line(static_cast<int>(all.size()), all.data());
}

TEST(CommandLine, ReadsInit) {
  const InitCommand command = std::get<InitCommand>(
      parse({"init", "--server-name", "example.org", "--homeserver", "http://127.0.0.1:8008", "--listen", "[::1]:8009",
             "--dir", "here", "--set", "log.level=debug", "--set", "limits.max_delay=1h"}));
  EXPECT_EQ(command.folder, "here");
  ASSERT_EQ(command.settings.size(), 5u);
  EXPECT_EQ(command.settings[0].key, "homeserver.server_name");
  EXPECT_EQ(command.settings[1].value, "http://127.0.0.1:8008");
  EXPECT_EQ(command.settings[2].shown, "--listen");
  EXPECT_EQ(command.settings[3].value, "debug");
  EXPECT_EQ(command.settings[4].key, "limits.max_delay");
}

TEST(CommandLine, AsksOfInitOnlyWhereTheHomeserverIs) {
  const InitCommand command = std::get<InitCommand>(parse({"init", "--homeserver", "http://127.0.0.1:8008"}));
  EXPECT_EQ(command.folder, "/etc/afterword");
  ASSERT_EQ(command.settings.size(), 1u);
  EXPECT_EQ(command.settings[0].key, "homeserver.url");
}

TEST(CommandLine, ReadsServeAndCheck) {
  const ServeCommand serve =
      std::get<ServeCommand>(parse({"serve", "--config", "a.yaml", "--set", "listen=127.0.0.1:0"}));
  EXPECT_EQ(serve.configuration, "a.yaml");
  EXPECT_EQ(serve.settings.at(0).shown, "--set listen");
  EXPECT_EQ(std::get<CheckCommand>(parse({"check", "--config=a.yaml"})).configuration, "a.yaml");
  EXPECT_FALSE(std::get<CheckCommand>(parse({"check", "--config", "a.yaml"})).as_json);
  EXPECT_TRUE(std::get<CheckCommand>(parse({"check", "--config", "a.yaml", "--json"})).as_json);
}

TEST(CommandLine, ReadsImportSynapse) {
  const auto command = std::get<ImportSynapseCommand>(
      parse({"import-synapse", "--config", "a.yaml", "--synapse-database", "sqlite:homeserver.db"}));
  EXPECT_EQ(command.configuration, "a.yaml");
  EXPECT_EQ(command.synapse_database, "sqlite:homeserver.db");
}

TEST(CommandLine, ChecksThePublicAddressIfItIsGiven) {
  EXPECT_FALSE(std::get<CheckCommand>(parse({"check", "--config", "a.yaml"})).public_address);
  const auto address = std::get<CheckCommand>(parse({"check", "--config", "a.yaml", "--public", "https://example.org",
                                                     "--long-poll", "2m"}))
                           .public_address.value();
  EXPECT_EQ(address.origin.url(), "https://example.org");
  EXPECT_EQ(address.long_poll, std::chrono::minutes(2));
}

TEST(CommandLine, ShowsHelpAndVersion) {
  const std::string help = std::get<Shown>(parse({"--help"})).text;
  for (const char* part : {"init", "serve", "check", "Getting started", "--version"}) {
    EXPECT_THAT(help, HasSubstr(part));
  }
  EXPECT_THAT(std::get<Shown>(parse({"init", "--help"})).text, HasSubstr("--server-name"));
  EXPECT_THAT(std::get<Shown>(parse({"--version"})).text, HasSubstr("afterword 0."));
}

TEST(CommandLine, SaysInALineHowItWasMisused) {
  for (const auto& arguments : std::initializer_list<std::initializer_list<const char*>>{
           {},
           {"frobnicate"},
           {"--nonsense"},
           {"serve"},
           {"serve", "--config"},
           {"serve", "--config", "a.yaml", "--nonsense"},
           {"serve", "--config", "a.yaml", "extra"},
           {"serve", "--config", "a.yaml", "check", "--config", "a.yaml"},
           {"check", "--config", "a.yaml", "--set", "novalue"},
           {"check", "--config", "a.yaml", "--public", "matrix.example.org"},
           {"check", "--config", "a.yaml", "--long-poll", "30s"},
           {"check", "--config", "a.yaml", "--public", "https://example.org", "--long-poll", "21m"},
           {"import-synapse", "--config", "a.yaml"},
           {"move", "--from", "sqlite:a.db"},
           {"init", "--server-name", "example.org", "--dir", "here"}}) {
    const CommandLine parsed = parse(arguments);
    const Misused* const misused = std::get_if<Misused>(&parsed);
    ASSERT_NE(misused, nullptr) << ::testing::PrintToString(arguments);
    EXPECT_THAT(misused->text, ::testing::StartsWith("afterword: "));
    EXPECT_THAT(misused->text, Not(HasSubstr("\n")));
  }
}

TEST(CommandLine, NamesWhatItDoesNotKnow) {
  EXPECT_THAT(std::get<Misused>(parse({"frobnicate"})).text, HasSubstr("frobnicate"));
  EXPECT_THAT(std::get<Misused>(parse({"serve", "--config", "a.yaml", "--sett", "b=c"})).text, HasSubstr("--sett"));
  EXPECT_THAT(std::get<Misused>(parse({})).text, HasSubstr("init, serve or check"));
}

}  // namespace
}  // namespace afterword
