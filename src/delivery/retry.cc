#include "delivery/retry.h"

#include <cstdint>

namespace afterword::delivery {

std::chrono::milliseconds retry_delay(unsigned failures, RetryTimes times, std::minstd_rand& random) {
  std::chrono::milliseconds longest = times.first;
  for (unsigned i = 1; i < failures && longest < times.last; ++i) longest *= 2;
  if (longest > times.last) longest = times.last;
  std::uniform_int_distribution<std::int64_t> jittered(longest.count() / 2, longest.count());
  return std::chrono::milliseconds(jittered(random));
}

}  // namespace afterword::delivery
