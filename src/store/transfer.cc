#include "store/transfer.h"

#include <numeric>

namespace afterword::store {

std::uint64_t sum_of(const CountByState& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::optional<std::string> unfinished(const std::optional<TransferOrigin>& origin) {
  if (!origin || origin->finished) return std::nullopt;
  return "only a part of " + origin->source + " was moved into it; run that `afterword move` again, to its end";
}

}  // namespace afterword::store
