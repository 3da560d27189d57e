#include "doctor/look_at_database.h"

#include "doctor/disk.h"
#include "ops/open_store.h"

#include <filesystem>
#include <unistd.h>
#include <variant>

namespace afterword::doctor {
namespace {

using async::Task;
using State = DatabaseSeen::State;

}  // namespace

// The caller waits for the task, and so keeps the configuration.
Task<DatabaseSeen> look_at_database(async::Executor executor, const ops::Configuration& configuration) {
  DatabaseSeen seen;
  const auto* const sqlite = std::get_if<ops::SqliteDatabase>(&configuration.database);
  if (sqlite != nullptr) {
    const std::filesystem::path folder = sqlite->path.has_parent_path() ? sqlite->path.parent_path() : ".";
    seen.disk = look_at_disk(folder);
    std::error_code ignored;
    // Opening it would make it, and for the user who runs the check rather than for Afterword's.
    if (!std::filesystem::exists(sqlite->path, ignored)) {
      seen.state = ::access(folder.c_str(), W_OK | X_OK) == 0 ? State::not_made_yet : State::cannot_be_made;
      co_return seen;
    }
  }
  const auto store = ops::open_store(executor, configuration.database);
  if (store) {
    co_await (*store)->close();
  } else {
    seen.state = State::refused;
    seen.error = store.error();
  }
  auto durability = ops::read_durability(configuration.database);
  if (durability) seen.durability = *std::move(durability);
  co_return seen;
}

}  // namespace afterword::doctor
