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
  // As a start in that boot takes it. It was written a while before the end, and after a boot nothing but the
  // timestamps of active events tells of what came after it.
  KeptTime read(const std::string& boot_id, const ActiveEvents& active);
  void write(const KeptTime& kept);

 private:
  Statement read_;
  Statement write_;
};

}  // namespace afterword::store::sqlite
