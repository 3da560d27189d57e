#include "main/import_synapse.h"

#include "base/log.h"
#include "ops/configuration.h"
#include "ops/load_configuration.h"
#include "transfer/import_synapse.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace afterword {
namespace {

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return status;
}

void print(const transfer::ImportTally& tally) {
  fmt::print("{} delayed events taken over from Synapse, with their delay_ids\n", tally.taken);
  if (tally.known > 0) fmt::print("{} were Afterword's already\n", tally.known);
  if (tally.sent > 0) fmt::print("{} Synapse had sent already\n", tally.sent);
  for (const std::string& reason : tally.left) fmt::print("left with Synapse: {}\n", reason);
}

}  // namespace

int import_synapse(const ImportSynapseCommand& command) {
  const auto configuration = ops::load_configuration(command.configuration, command.settings);
  if (!configuration) return complain(configuration.error(), exit_misuse);
  set_up_log(configuration->log_level);
  const auto synapse = ops::parse_database(command.synapse_database, std::filesystem::current_path());
  if (!synapse) return complain("afterword: --synapse-database " + synapse.error(), exit_misuse);

  const auto tally = transfer::import_synapse(*configuration, *synapse);
  if (!tally) return complain("afterword: " + tally.error(), exit_failed);
  print(*tally);
  if (!tally->left.empty()) return exit_failed;
  std::puts("Now start Synapse, without max_event_delay_duration, then afterword serve.");
  return exit_ok;
}

}  // namespace afterword
