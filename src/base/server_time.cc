#include "base/server_time.h"

#include <algorithm>

namespace afterword {
namespace {

// People and time services set clocks by more: what is less is left to slewing, which the boot clock follows too.
constexpr Milliseconds smallest_change{50};

}  // namespace

void ServerTime::measure_offset(Milliseconds since_boot, WallTime wall) {
  const Milliseconds measured = wall_offset_between(wall, at_boot + since_boot);
  if (std::chrono::abs(measured - wall_offset) > smallest_change) wall_offset = measured;
}

ServerTime resume(const KeptTime& kept, const MachineTime& machine) {
  const bool same_boot = !machine.boot_id.empty() && machine.boot_id == kept.boot_id;
  const Timestamp goes_on = same_boot ? kept.time.at(machine) : from_wall(machine.wall, kept.time.wall_offset);
  const Timestamp now = std::max(goes_on, kept.latest);
  ServerTime resumed{now - machine.since_boot, kept.time.wall_offset};
  resumed.measure_offset(machine);
  return resumed;
}

}  // namespace afterword
