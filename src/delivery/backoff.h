// Exponential backoff with jitter: how long to wait before something is tried again. It knows no time.
#pragma once

#include "base/time.h"

#include <random>

namespace afterword::delivery {

class Backoff {
 public:
  Backoff(Milliseconds first, Milliseconds last) : first_(first), last_(last) {}

  // After so many failures in a row (from 1): `first`, doubled at each further one, up to `last`. Jitter takes up to
  // half of it away, so that what failed together is not tried again together.
  Milliseconds after(unsigned failures);

 private:
  const Milliseconds first_;
  const Milliseconds last_;
  std::minstd_rand random_;  // it need not be unpredictable
};

}  // namespace afterword::delivery
