// Server time, which the instances have in common: the database's clock and an offset that is kept beside it.
//
// An instance asks once, when it starts; from then on it counts by its machine's own boot clock, which nobody sets.
// When the database's clock is found to be elsewhere, because somebody has set it or another host is the primary now,
// the offset is corrected, so that whoever starts next has the time of those that run. That is looked at once a minute,
// and whenever this instance connects, as after a failover. An instance that starts alone after a failover knows only
// the latest time that was kept, and never goes back behind it.
// Thread: that of delivery's queries. Throws Error.
#pragma once

#include "base/server_time.h"
#include "store/postgres/connection.h"

#include <chrono>
#include <optional>
#include <string>

namespace afterword::store::postgres {

class TimeScale {
 public:
  // `asked`: when `machine` was read.
  ServerTime keep(Connection& connection, const MachineTime& machine, std::chrono::steady_clock::time_point asked);

  // Before anything else is done on a connection, which has this name.
  void look_again(Connection& connection, const std::string& name);

 private:
  void correct(Connection& connection, Timestamp now, Timestamp shared, Milliseconds offset);

  std::optional<Timestamp> at_boot_;
  Milliseconds machine_ahead_{};  // of this process's own reading of the boot clock
  std::string looked_at_;
};

}  // namespace afterword::store::postgres
