// Where the process starts: reads the command line, and does what it says.
#include "base/log.h"
#include "main/check.h"
#include "main/command_line.h"
#include "main/health.h"
#include "main/import_synapse.h"
#include "main/init.h"
#include "main/move.h"
#include "main/process_limits.h"
#include "main/serve.h"
#include "ops/configuration.h"
#include "ops/load_configuration.h"

#include <cstdio>
#include <exception>
#include <string>
#include <variant>

namespace afterword {
namespace {

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return status;
}

int run(const InitCommand& command) { return init(command); }

int run(const ServeCommand& command) {
  const auto configuration = ops::load_configuration(command.configuration, command.settings);
  if (!configuration) return complain(configuration.error(), exit_misuse);
  set_up_log(configuration->log_level, configuration->log_format);
  return serve(*configuration, [&] { return ops::load_configuration(command.configuration, command.settings); });
}

int run(const CheckCommand& command) { return check(command); }

int run(const HealthCommand& command) { return health(command); }

int run(const ImportSynapseCommand& command) { return import_synapse(command); }

int run(const MoveCommand& command) { return move(command); }

int run(const Shown& shown) {
  std::fputs(shown.text.c_str(), stdout);
  return exit_ok;
}

int run(const Misused& misused) { return complain(misused.text, exit_misuse); }

}  // namespace
}  // namespace afterword

int main(int argc, char** argv) {
  afterword::keep_memory_private();
  try {
    return std::visit([](const auto& command) { return afterword::run(command); },
                      afterword::parse_command_line(argc, argv));
  } catch (const std::exception& error) {
    return afterword::complain(std::string("afterword: ") + error.what(), afterword::exit_failed);
  }
}
