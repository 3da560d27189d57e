#include "main/init.h"

#include "async/task_group.h"
#include "doctor/identify.h"
#include "doctor/next_steps.h"
#include "http/message.h"
#include "ops/init.h"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

namespace afterword {
namespace {

constexpr const char* server_name_key = "homeserver.server_name";

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return status;
}

// What it is given outlives the task: ask() waits for it.
async::Task<void> look(async::Executor executor, const ops::Configuration& configuration, doctor::Identity& identity) {
  identity = co_await doctor::identify(executor, configuration);
}

doctor::Identity ask(const ops::Configuration& configuration) {
  doctor::Identity identity;
  async::asio::io_context io(1);
  async::TaskGroup tasks(io.get_executor());
  tasks.spawn("init", look(io.get_executor(), configuration, identity));
  io.run();
  return identity;
}

// Why there is no server name to be had, or another one than was given.
std::string unnamed(const ops::Configuration& configuration, const doctor::Identity& identity) {
  const std::string url = configuration.homeserver.url();
  if (!identity.no_answer.empty()) {
    return fmt::format(
        "afterword: no homeserver answers at {}: {}; start it, correct --homeserver, or say what it would: "
        "--server-name NAME",
        url, identity.no_answer);
  }
  return fmt::format(
      "afterword: {} at {} does not say which server it is, for it serves no federation there; add "
      "--server-name NAME, what stands after the colon in user ids",
      identity.product.name, url);
}

}  // namespace

int init(const InitCommand& command) {
  std::vector<ops::Setting> settings = command.settings;
  const bool is_named =
      std::ranges::any_of(settings, [](const ops::Setting& setting) { return setting.key == server_name_key; });
  // All else is looked at before anybody is asked; the name stands in for the one that will be found.
  if (!is_named) settings.push_back({server_name_key, "example.org", "the homeserver's own name"});
  auto files = ops::make_initial_files(command.folder, settings);
  if (!files) return complain(files.error(), exit_misuse);
  if (const auto free = ops::require_no_files(*files); !free)
    return complain("afterword: " + free.error(), exit_failed);

  const doctor::Identity identity = ask(files->configuration);
  if (!is_named) {
    if (!identity.server_name) return complain(unnamed(files->configuration, identity), exit_failed);
    settings.back().value = *identity.server_name;
    files = ops::make_initial_files(command.folder, settings);
    if (!files) return complain(files.error(), exit_misuse);
  } else if (identity.server_name &&
             !http::equal_ignoring_case(*identity.server_name, files->configuration.server_name)) {
    return complain(
        fmt::format("afterword: the homeserver at {} is {}, not {}; correct --homeserver, or leave out "
                    "--server-name",
                    files->configuration.homeserver.url(), *identity.server_name, files->configuration.server_name),
        exit_failed);
  }
  const auto written = ops::write_initial_files(*files);
  if (!written) return complain("afterword: " + written.error(), exit_failed);
  std::fputs(doctor::next_steps(*files, identity).c_str(), stdout);
  return exit_ok;
}

}  // namespace afterword
