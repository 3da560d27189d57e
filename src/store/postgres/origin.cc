#include "store/postgres/origin.h"

namespace afterword::store::postgres {

std::optional<Origin> read_origin(Connection& connection) {
  static const Statement read{"read_origin", "SELECT source, stamp, finished FROM origin"};
  const auto rows = connection.run(read);
  if (rows.empty()) return std::nullopt;
  return Origin{rows.text(0, 0), rows.text(0, 1), rows.boolean(0, 2)};
}

}  // namespace afterword::store::postgres
