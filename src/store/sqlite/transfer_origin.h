// The one row that says where the events come from, if they were moved here.
// Thread: any, one at a time. Throws Error.
#pragma once

#include "store/sqlite/database.h"
#include "store/transfer.h"

#include <optional>

namespace afterword::store::sqlite {

class TransferOriginTable {
 public:
  explicit TransferOriginTable(Database& database);

  std::optional<TransferOrigin> read();
  void write(const TransferOrigin& origin);
  void set_finished();

 private:
  Statement read_;
  Statement write_;
  Statement set_finished_;
};

}  // namespace afterword::store::sqlite
