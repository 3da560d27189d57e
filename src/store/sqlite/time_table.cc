#include "store/sqlite/time_table.h"

#include <algorithm>

namespace afterword::store::sqlite {

TimeTable::TimeTable(Database& database)
    : read_(database, "SELECT boot_id, at_boot_ts, wall_offset_ms, latest_ts FROM server_time"),
      write_(database,
             "INSERT OR REPLACE INTO server_time (id, boot_id, at_boot_ts, wall_offset_ms, latest_ts) "
             "VALUES (0, ?, ?, ?, ?)"),
      remove_(database, "DELETE FROM server_time") {}

KeptTime TimeTable::read(const std::string& boot_id, const ActiveEvents& active) {
  KeptTime kept = read();
  if (kept.boot_id == boot_id) return kept;
  active.for_each([&](ActiveEvents::Place, const ActiveEvents::Slot& slot) {
    kept.latest = std::max(kept.latest, slot.delayed_since);
  });
  return kept;
}

KeptTime TimeTable::read() {
  auto rows = read_.query();
  if (!rows.next()) return {};
  return {rows.text(0), {rows.timestamp(1), rows.milliseconds(2)}, rows.timestamp(3)};
}

void TimeTable::write_anew(const KeptTime& kept) {
  remove_.run();
  write(kept);
}

void TimeTable::write(const KeptTime& kept) {
  write_.run(kept.boot_id, kept.time.at_boot, kept.time.wall_offset, kept.latest);
}

}  // namespace afterword::store::sqlite
