// How long to wait before something is tried again.
#pragma once

#include <chrono>
#include <random>

namespace afterword::delivery {

struct RetryTimes {
  std::chrono::milliseconds first;
  std::chrono::milliseconds last;
};

// After the `failures`th failure in a row (from 1): `first`, doubled at each further one, up to `last`. Jitter takes up
// to half of it away, so that what failed together is not tried again together.
std::chrono::milliseconds retry_delay(unsigned failures, RetryTimes times, std::minstd_rand& random);

}  // namespace afterword::delivery
