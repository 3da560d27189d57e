#include "transfer/open_synapse_database.h"

#include "transfer/synapse_postgres.h"
#include "transfer/synapse_sqlite.h"

namespace afterword::transfer {

Result<std::unique_ptr<SynapseDatabase>, std::string> open_synapse_database(const ops::Database& database) {
  if (const auto* sqlite = std::get_if<ops::SqliteDatabase>(&database)) return open_synapse_sqlite(sqlite->path);
  return open_synapse_postgres(std::get<ops::PostgresqlDatabase>(database).url);
}

}  // namespace afterword::transfer
