#include "store/sqlite/transfer_origin.h"

namespace afterword::store::sqlite {

TransferOriginTable::TransferOriginTable(Database& database)
    : read_(database, "SELECT source, stamp, finished FROM origin"),
      write_(database, "INSERT INTO origin (id, source, stamp, finished) VALUES (0, ?, ?, 0)"),
      set_finished_(database, "UPDATE origin SET finished = 1") {}

std::optional<TransferOrigin> TransferOriginTable::read() {
  Rows rows = read_.query();
  if (!rows.next()) return std::nullopt;
  return TransferOrigin{rows.text(0), rows.text(1), rows.integer(2) != 0};
}

void TransferOriginTable::write(const TransferOrigin& origin) { write_.run(origin.source, origin.stamp); }

void TransferOriginTable::set_finished() { set_finished_.run(); }

}  // namespace afterword::store::sqlite
