// What the command line asks for.
#pragma once

#include "doctor/public_check.h"
#include "ops/configuration.h"
#include "ops/load_configuration.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace afterword {

// What the process ends with.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;  // at run time
inline constexpr int exit_misuse = 2;  // of the command line or the configuration

struct InitCommand {
  std::filesystem::path folder;
  std::vector<ops::Setting> settings;
};
struct ServeCommand {
  std::filesystem::path configuration;
  std::vector<ops::Setting> settings;
};
struct CheckCommand {
  std::filesystem::path configuration;
  std::vector<ops::Setting> settings;
  std::optional<doctor::PublicAddress> public_address{};  // to look at too
  bool as_json = false;
};
struct HealthCommand {
  std::filesystem::path configuration;
  std::vector<ops::Setting> settings;
};
struct ImportSynapseCommand {
  std::filesystem::path configuration;
  std::vector<ops::Setting> settings;
  std::string synapse_database;  // its URL
};
struct MoveCommand {
  std::string from, to;  // databases, as URLs
};
struct Shown {  // help or version, for standard output
  std::string text;
};
struct Misused {  // a line that says how, for standard error
  std::string text;
};
using CommandLine = std::variant<InitCommand, ServeCommand, CheckCommand, HealthCommand, ImportSynapseCommand,
                                 MoveCommand, Shown, Misused>;

CommandLine parse_command_line(int argc, const char* const* argv);

// Shows how it is defined, for what is made of that: the manual and the completions of shells.
void read_command_line_definition(const std::function<void(const CLI::App&)>& read);

}  // namespace afterword
