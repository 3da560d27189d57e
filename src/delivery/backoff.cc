#include "delivery/backoff.h"

#include <algorithm>
#include <cstdint>

namespace afterword::delivery {

Milliseconds Backoff::after(unsigned failures) {
  Milliseconds longest = first_;
  for (unsigned i = 1; i < failures && longest < last_; ++i) longest *= 2;
  longest = std::min(longest, last_);
  std::uniform_int_distribution<std::int64_t> jittered(longest.count() / 2, longest.count());
  return Milliseconds(jittered(random_));
}

}  // namespace afterword::delivery
