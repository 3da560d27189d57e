#include "main/command_line.h"

#include "ops/duration.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <optional>
#include <sstream>
#include <utility>

namespace afterword {
namespace {

constexpr const char* description = "Afterword: delayed events (MSC4140) for any Matrix homeserver.";

constexpr const char* start_help = R"(Getting started:
  afterword init --homeserver http://127.0.0.1:8008
  afterword check --config /etc/afterword/afterword.yaml
  afterword serve --config /etc/afterword/afterword.yaml

The file that init writes explains every key. More is in docs/, beside the source.
Exit status: 0 all is well, 1 it failed, 2 the command line or configuration is wrong.)";

constexpr const char* version_text =
    "afterword " AFTERWORD_VERSION "\nDelayed events (MSC4140) for any Matrix homeserver.";

struct Arguments {
  std::string folder = "/etc/afterword";                  // of init
  std::string server_name, homeserver, listen, database;  // of init too
  std::string configuration;                              // of the others
  std::string synapse_database;                           // of import-synapse
  std::string from, to;                                   // of move
  std::string public_url, long_poll;                      // of check
  bool as_json = false;
  std::vector<std::string> settings;
};

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& what, Arguments& arguments) {
  CLI::App* const command = app.add_subcommand(name, what);
  command->add_option("--set", arguments.settings, "Set one key of the configuration; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->get_help_ptr()->description("Show this help");
  return command;
}

CLI::App* add_init(CLI::App& app, Arguments& arguments) {
  CLI::App* const init =
      add_command(app, "init", "Write a commented configuration, and a registration for the homeserver", arguments);
  init->add_option("--homeserver", arguments.homeserver, "Where the homeserver itself is, as http://127.0.0.1:8008")
      ->type_name("URL")
      ->required();
  init->add_option("--server-name", arguments.server_name,
                   "What stands after the colon in user ids, if the homeserver does not say it")
      ->type_name("NAME");
  init->add_option("--dir", arguments.folder, "Where the files go; made if it does not exist (/etc/afterword)")
      ->type_name("DIR");
  init->add_option("--listen", arguments.listen, "Where Afterword will listen (127.0.0.1:8009)")
      ->type_name("HOST:PORT");
  init->add_option("--database", arguments.database, "Where events are kept (sqlite:afterword.db)")->type_name("URL");
  init->footer(
      "The homeserver is asked what it is. Nothing is overwritten. It ends by saying what to do next, with this\n"
      "homeserver.");
  return init;
}

CLI::App* add_configured(CLI::App& app, const std::string& name, const std::string& what, Arguments& arguments) {
  CLI::App* const command = add_command(app, name, what, arguments);
  command->add_option("--config", arguments.configuration, "The configuration that `afterword init` wrote")
      ->type_name("FILE")
      ->required();
  return command;
}

void add_check(CLI::App& app, Arguments& arguments) {
  CLI::App* const check = add_configured(
      app, "check", "Look at homeserver, registration, database and proxies, and say what to fix", arguments);
  CLI::Option* const address = check
                                   ->add_option("--public", arguments.public_url,
                                                "Where clients reach the homeserver: ask there for every route")
                                   ->type_name("URL");
  check->add_option("--long-poll", arguments.long_poll, "How long an answer must be able to take there (35s)")
      ->type_name("DURATION")
      ->needs(address);
  check->add_flag("--json", arguments.as_json, "Print one JSON object, for machines; docs/operations.md has its keys");
  check->footer(
      "Nothing is changed. The exit status is 1 if a finding has failed; warnings leave it 0.\n"
      "What --public sends brings no access token, and is answered by the Afterword that has the same\n"
      "registration; it must be running.");
}

// Nothing if none is to be looked at.
Result<std::optional<doctor::PublicAddress>, std::string> public_address(const Arguments& arguments) {
  std::optional<doctor::PublicAddress> address;
  if (arguments.public_url.empty()) return address;
  auto origin = http::Origin::parse(arguments.public_url);
  if (!origin) return "--public: " + origin.error();
  address.emplace().origin = *std::move(origin);
  if (arguments.long_poll.empty()) return address;
  const auto long_poll = ops::parse_duration(arguments.long_poll);
  if (!long_poll || *long_poll > doctor::max_long_poll) {
    return fmt::format("--long-poll: '{}' is not a duration of at most 20m; write one, as 35s", arguments.long_poll);
  }
  address->long_poll = *long_poll;
  return address;
}

CLI::App* add_import_synapse(CLI::App& app, Arguments& arguments) {
  CLI::App* const import =
      add_configured(app, "import-synapse", "Take over the delayed events that Synapse has yet to send", arguments);
  import
      ->add_option("--synapse-database", arguments.synapse_database,
                   "Synapse's own, as sqlite:homeserver.db or postgresql://USER@HOST/DATABASE")
      ->type_name("URL")
      ->required();
  import->footer(
      "Stop Synapse and afterword serve first. The events keep their delay_ids, and leave Synapse's database.\n"
      "What is broken off goes on when it is run again.");
  return import;
}

CLI::App* add_move(CLI::App& app, Arguments& arguments) {
  CLI::App* const move = add_command(app, "move", "Copy all delayed events into another database", arguments);
  move->add_option("--from", arguments.from, "The database they are in, as sqlite:afterword.db")
      ->type_name("URL")
      ->required();
  move->add_option("--to", arguments.to, "The new one, as postgresql://USER@HOST/DATABASE")
      ->type_name("URL")
      ->required();
  move->footer(
      "Stop afterword serve first, every instance. The events keep their delay_ids, and the old database stays as it\n"
      "is. What is broken off goes on when it is run again. No configuration is read, and --set changes nothing.");
  return move;
}

// What init's own options set.
std::vector<ops::Setting> settings_of_init(const Arguments& arguments) {
  std::vector<ops::Setting> settings;
  if (!arguments.server_name.empty()) {
    settings.push_back({"homeserver.server_name", arguments.server_name, "--server-name"});
  }
  settings.push_back({"homeserver.url", arguments.homeserver, "--homeserver"});
  if (!arguments.listen.empty()) settings.push_back({"listen", arguments.listen, "--listen"});
  if (!arguments.database.empty()) settings.push_back({"database", arguments.database, "--database"});
  return settings;
}

struct Commands {
  CLI::App* init;
  CLI::App* serve;
  CLI::App* health;
  CLI::App* import_synapse;
  CLI::App* move;
};

Commands define(CLI::App& app, Arguments& arguments) {
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(34);
  app.set_help_flag("-h,--help", "Show this help");
  app.set_version_flag("--version", version_text, "Show the version");
  CLI::App* const init = add_init(app, arguments);
  CLI::App* const serve =
      add_configured(app, "serve", "Run until SIGTERM or SIGINT, then finish what is under way", arguments);
  add_check(app, arguments);
  CLI::App* const health =
      add_configured(app, "health", "Ask the server that runs whether it is ready, at its ops.listen", arguments);
  CLI::App* const import_synapse = add_import_synapse(app, arguments);
  CLI::App* const move = add_move(app, arguments);
  app.footer(start_help);  // last, or the commands would have it too
  return {init, serve, health, import_synapse, move};
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  Arguments arguments;
  CLI::App app(description, "afterword");
  const auto [init, serve, health, import_synapse, move] = define(app, arguments);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream output, complaint;
    const int status = app.exit(error, output, complaint);
    if (status == 0) return Shown{output.str()};
    return Misused{fmt::format("afterword: {}; see afterword --help", error.what())};
  }

  if (app.get_subcommands().empty()) {
    return Misused{"afterword: name a command, as init, serve or check; see afterword --help"};
  }

  std::vector<ops::Setting> settings;
  if (init->parsed()) settings = settings_of_init(arguments);
  for (const std::string& text : arguments.settings) {
    std::optional<ops::Setting> setting = ops::parse_setting(text);
    if (!setting) return Misused{"afterword: --set " + text + " is not KEY=VALUE; write it as limits.max_delay=24h"};
    settings.push_back(*std::move(setting));
  }

  if (init->parsed()) return InitCommand{arguments.folder, std::move(settings)};
  if (serve->parsed()) return ServeCommand{arguments.configuration, std::move(settings)};
  if (health->parsed()) return HealthCommand{arguments.configuration, std::move(settings)};
  if (import_synapse->parsed()) {
    return ImportSynapseCommand{arguments.configuration, std::move(settings), arguments.synapse_database};
  }
  if (move->parsed()) return MoveCommand{arguments.from, arguments.to};
  auto address = public_address(arguments);
  if (!address) return Misused{"afterword: " + address.error()};
  return CheckCommand{arguments.configuration, std::move(settings), *std::move(address), arguments.as_json};
}

void read_command_line_definition(const std::function<void(const CLI::App&)>& read) {
  Arguments arguments;
  CLI::App app(description, "afterword");
  define(app, arguments);
  read(app);
}

}  // namespace afterword
