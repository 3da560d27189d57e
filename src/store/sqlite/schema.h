// Opens the database file: recognises ours, refuses any other, and brings an older one up to date.
#pragma once

#include "base/result.h"
#include "store/sqlite/database.h"

#include <filesystem>
#include <string>

namespace afterword::store::sqlite {

// Blocks. The database is this process's alone until it is closed. The error is one line for a person, see
// sqlite_store.h; a file that is not ours is not touched.
Result<Database, std::string> open_database(const std::filesystem::path& path);

// The same for a database that is there and stays as it is, down to its files: what is not up to date is refused.
Result<Database, std::string> open_unchanged(const std::filesystem::path& path);

// What an error of SQLite means for the person who runs the server, in one line that names the file.
std::string explain(const std::filesystem::path& path, const Error& error);

}  // namespace afterword::store::sqlite
