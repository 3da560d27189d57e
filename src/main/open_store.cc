#include "main/open_store.h"

#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"

namespace afterword {

Result<std::unique_ptr<store::Store>, std::string> open_store(async::Executor executor, const ops::Database& database) {
  if (const auto* sqlite = std::get_if<ops::SqliteDatabase>(&database)) {
    return store::sqlite::open(std::move(executor), {.path = sqlite->path});
  }
  return store::postgres::open(std::move(executor), {.url = std::get<ops::PostgresqlDatabase>(database).url});
}

}  // namespace afterword
