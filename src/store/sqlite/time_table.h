// The one row that says how server time goes on after a start.
// Thread: the committing one. Throws Error.
#pragma once

#include "base/server_time.h"
#include "store/sqlite/database.h"

namespace afterword::store::sqlite {

class TimeTable {
 public:
  explicit TimeTable(Database& database);

  KeptTime read();
  void write(const KeptTime& kept);

 private:
  Statement read_;
  Statement write_;
};

}  // namespace afterword::store::sqlite
