// The one row that says where the events come from, if they were moved here.
// Thread: any, one at a time. Throws Error.
#pragma once

#include "store/archive.h"
#include "store/sqlite/database.h"

#include <optional>

namespace afterword::store::sqlite {

class OriginTable {
 public:
  explicit OriginTable(Database& database);

  std::optional<Origin> read();
  void write(const Origin& origin);
  void set_finished();

 private:
  Statement read_;
  Statement write_;
  Statement set_finished_;
};

}  // namespace afterword::store::sqlite
