#include "delivery/forward_time.h"

#include <algorithm>

namespace afterword::delivery {

Timestamp ForwardTime::now() {
  const std::chrono::nanoseconds steady = clock_.steady_now().time_since_epoch();
  ahead_ = std::max<std::chrono::nanoseconds>(ahead_, clock_.now().time_since_epoch() - steady);
  return Timestamp(std::chrono::floor<Milliseconds>(steady + ahead_));
}

Timestamp ForwardTime::at(Timestamp wall) {
  const Timestamp present = now();
  return present + (wall - clock_.now());
}

}  // namespace afterword::delivery
