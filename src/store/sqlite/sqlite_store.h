// The store of one process, in a SQLite file: the default, which needs no set-up.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "store/group_commit.h"
#include "store/sqlite/journal.h"
#include "store/store.h"

#include <filesystem>
#include <memory>
#include <string>

namespace afterword::store::sqlite {

using store::CommitOn;

struct Options {
  std::filesystem::path path;  // made if it does not exist; its folder must
  CommitOn commit_on = CommitOn::own_thread;
  Folding folding = {};
};

// Opens or makes the database, brings its schema up to date, and loads the timing of what is scheduled. Blocks; for
// start-up. The error is one line for a person: it names the file, what is wrong and the fix (no such folder, no
// permission, in use by another process, not a database, corrupted, written by a newer version). A file that is not
// ours is never overwritten.
Result<std::unique_ptr<Store>, std::string> open(async::Executor executor, Options options);

}  // namespace afterword::store::sqlite
