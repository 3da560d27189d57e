#include "main/synapse_database.h"

#include "main/synapse_sqlite.h"

namespace afterword {

Result<std::unique_ptr<SynapseDatabase>, std::string> open_synapse_database(const ops::Database& database) {
  if (const auto* sqlite = std::get_if<ops::SqliteDatabase>(&database)) return open_synapse_sqlite(sqlite->path);
  return std::string("postgresql:// is not supported by this version; use sqlite:FILE");
}

}  // namespace afterword
