// Server time: the scale of every durable timestamp and of every timer. It goes on evenly whatever becomes of the wall
// clock, which people and time services set. While nobody sets that, the two are the same.
//
// Within one boot of the machine it is the boot clock (which counts while the machine sleeps) plus a constant, so a
// restart of the process goes on exactly. From one boot to the next only the wall clock connects; server time then is
// wall time less what was known to lie between them, but never before the latest that is known.
//
// What is shown or sent is wall time: server time plus the offset of the moment.
#pragma once

#include "base/time.h"

#include <string>

namespace afterword {

// From one scale to the other and back. `wall_offset` is wall time - server time.
constexpr WallTime to_wall(Timestamp server, Milliseconds wall_offset) {
  return WallTime(server.time_since_epoch() + wall_offset);
}
constexpr Timestamp from_wall(WallTime wall, Milliseconds wall_offset) {
  return Timestamp(wall.time_since_epoch() - wall_offset);
}
constexpr Milliseconds wall_offset_between(WallTime wall, Timestamp server) {
  return wall.time_since_epoch() - server.time_since_epoch();
}

// What the machine's clocks read, all at one moment.
struct MachineTime {
  std::string boot_id;      // another one after each boot; empty: not known, and so never the same
  Milliseconds since_boot;  // means something only beside its boot_id
  WallTime wall;
};

// The scale, for the present boot.
struct ServerTime {
  Timestamp at_boot;           // when the machine started
  Milliseconds wall_offset{};  // wall time - server time

  Timestamp at(const MachineTime& machine) const { return at_boot + machine.since_boot; }

  // Measures the offset again. What could come of rounding, or of two clocks read one after the other, is no change,
  // so that times shown do not waver.
  void measure_offset(Milliseconds since_boot, WallTime wall);
  void measure_offset(const MachineTime& machine) { measure_offset(machine.since_boot, machine.wall); }

  friend bool operator==(const ServerTime&, const ServerTime&) = default;
};

// What is kept from one start to the next. As it is made: nothing was kept.
struct KeptTime {
  std::string boot_id;
  ServerTime time;
  Timestamp latest = Timestamp::min();  // server time that is known to be over
};

ServerTime resume(const KeptTime& kept, const MachineTime& machine);

}  // namespace afterword
