// The one row that says how server time goes on after a start.
// Thread: the committing one. Throws Error.
#pragma once

#include "base/server_time.h"
#include "store/sqlite/active_events.h"
#include "store/sqlite/database.h"

#include <string>

namespace afterword::store::sqlite {

class TimeTable {
 public:
  explicit TimeTable(Database& database);

  // As it was written.
  KeptTime read();
  // As a start takes it, in the boot of that id. It was written a while before the process ended. In another boot the
  // timestamps of active events are all that tells how far time had come by the end, so it does not go back behind
  // them.
  KeptTime read(const std::string& boot_id, const ActiveEvents& active);
  void write(const KeptTime& kept);
  // The same with a write to the file for certain: SQLite does not write what stands there already.
  void write_anew(const KeptTime& kept);

 private:
  Statement read_;
  Statement write_;
  Statement remove_;
};

}  // namespace afterword::store::sqlite
