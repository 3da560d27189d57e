// Whether the database opens, or will be made.
#include "doctor/checks.h"

#include <fmt/format.h>

#include <filesystem>
#include <variant>

namespace afterword::doctor {
namespace {

constexpr const char* name = "database";

Findings judge(const Evidence& evidence) {
  const ops::Configuration& configuration = evidence.configuration;
  const auto* const sqlite = std::get_if<ops::SqliteDatabase>(&configuration.database);
  const std::filesystem::path path = sqlite != nullptr ? sqlite->path : std::filesystem::path();
  switch (evidence.database.state) {
    case DatabaseSeen::State::opens:
      return {{name, Verdict::ok, "opens"}};
    case DatabaseSeen::State::not_made_yet:
      return {{name, Verdict::ok, path.string() + " will be made at the first start"}};
    case DatabaseSeen::State::cannot_be_made:
      return {{name, Verdict::failed,
               fmt::format("{} cannot be made in {}", path.filename().string(),
                           path.has_parent_path() ? path.parent_path().string() : "."),
               "make that folder, writable for Afterword's user, or correct database"}};
    case DatabaseSeen::State::refused:
      break;
  }
  // A file is one process's; a server is open to all.
  if (sqlite != nullptr && afterword_runs(evidence)) {
    return {{name, Verdict::ok, "in use by the Afterword that runs at " + first_address(configuration)}};
  }
  return {{name, Verdict::failed, evidence.database.error}};
}

}  // namespace

const Check database_check{name, false, nullptr, judge};

}  // namespace afterword::doctor
