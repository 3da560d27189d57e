#include "transfer/databases.h"

#include "store/postgres/transfer.h"
#include "store/sqlite/transfer.h"

#include <filesystem>

namespace afterword::transfer {
namespace {

// The path as it is, so that an interrupted move is known again however it is named.
std::filesystem::path path_of(const ops::SqliteDatabase& database) {
  return std::filesystem::weakly_canonical(database.path);
}

}  // namespace

std::unique_ptr<store::TransferReader> open_reader(const ops::Database& database) {
  if (const auto* sqlite = std::get_if<ops::SqliteDatabase>(&database)) {
    return store::sqlite::open_transfer_reader(path_of(*sqlite));
  }
  return store::postgres::open_transfer_reader(std::get<ops::PostgresqlDatabase>(database).url);
}

std::unique_ptr<store::TransferWriter> open_writer(const ops::Database& database) {
  if (const auto* sqlite = std::get_if<ops::SqliteDatabase>(&database)) {
    return store::sqlite::open_transfer_writer(path_of(*sqlite));
  }
  return store::postgres::open_transfer_writer(std::get<ops::PostgresqlDatabase>(database).url);
}

bool are_one(const ops::Database& from, const ops::Database& to) {
  if (from.index() != to.index()) return false;
  const auto* sqlite = std::get_if<ops::SqliteDatabase>(&from);
  if (sqlite != nullptr) return path_of(*sqlite) == path_of(std::get<ops::SqliteDatabase>(to));
  return std::get<ops::PostgresqlDatabase>(from).url == std::get<ops::PostgresqlDatabase>(to).url;
}

}  // namespace afterword::transfer
