#include "ops/open_store.h"

#include "store/postgres/durability.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/durability.h"
#include "store/sqlite/sqlite_store.h"

namespace afterword::ops {

Result<std::unique_ptr<store::Store>, std::string> open_store(async::Executor executor, const Database& database) {
  if (const auto* sqlite = std::get_if<SqliteDatabase>(&database)) {
    return store::sqlite::open(std::move(executor), {.path = sqlite->path});
  }
  return store::postgres::open(std::move(executor), {.url = std::get<PostgresqlDatabase>(database).url});
}

Result<store::Durability, std::string> read_durability(const Database& database) {
  if (const auto* sqlite = std::get_if<SqliteDatabase>(&database)) return store::sqlite::read_durability(sqlite->path);
  return store::postgres::read_durability(std::get<PostgresqlDatabase>(database).url);
}

}  // namespace afterword::ops
