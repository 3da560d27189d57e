#include "store/sqlite/durability.h"

#include "store/sqlite/schema.h"

#include <array>
#include <fstream>
#include <optional>
#include <string_view>

namespace afterword::store::sqlite {
namespace {

std::string query_text(Database& database, std::string_view sql) {
  Statement statement(database, sql);
  Rows rows = statement.query();
  return rows.next() ? rows.text(0) : std::string();
}

// The file's header says how it was written last (SQLite's file format, 1.3.3).
std::optional<Durability> read_header(const std::filesystem::path& path) {
  constexpr std::size_t write_version = 18;
  std::array<char, 100> header{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(header.data(), header.size())) return std::nullopt;
  return Durability{{{"journal_mode", header[write_version] == 2 ? "wal" : "delete"}}, {}};
}

}  // namespace

Result<Durability, std::string> read_durability(const std::filesystem::path& path) try {
  auto database = open_database(path);
  if (!database) {
    auto told = read_header(path);
    if (told) return *std::move(told);
    return database.error();
  }
  Durability durability;
  for (const char* name : {"journal_mode", "synchronous"}) {
    durability.settings.push_back({name, query_text(*database, std::string("PRAGMA ") + name)});
  }
  return durability;
} catch (const Error& error) {
  return explain(path, error);
}

}  // namespace afterword::store::sqlite
