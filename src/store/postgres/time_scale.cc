#include "store/postgres/time_scale.h"

#include "store/postgres/lease.h"

#include <algorithm>

namespace afterword::store::postgres {
namespace {

// Less may come of the way to the database and back.
constexpr Milliseconds noticeable{1000};

const Statement read{"read_time",
                     "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8, offset_ms, latest_ts"
                     " FROM server_time"};
const Statement write{"write_time",
                      "UPDATE server_time SET offset_ms = $1::int8, latest_ts = greatest(latest_ts, $2::int8)"};

}  // namespace

ServerTime TimeScale::keep(Connection& connection, const MachineTime& machine,
                           std::chrono::steady_clock::time_point asked) {
  const auto rows = connection.run(read);
  const auto since = std::chrono::ceil<Milliseconds>(std::chrono::steady_clock::now() - asked);
  machine_ahead_ = machine.since_boot + since - time_since_boot();
  const Timestamp shared = rows.timestamp(0, 0) - since + rows.milliseconds(0, 1);
  if (!at_boot_) at_boot_ = std::max(shared, rows.timestamp(0, 2)) - machine.since_boot;
  const Timestamp now = *at_boot_ + machine.since_boot;
  correct(connection, now, shared, rows.milliseconds(0, 1));
  return {*at_boot_, machine.wall - now};
}

void TimeScale::look_again(Connection& connection, const std::string& name) {
  if (name == looked_at_) return;
  if (at_boot_) {
    const auto rows = connection.run(read);
    const Timestamp now = *at_boot_ + machine_ahead_ + time_since_boot();
    correct(connection, now, rows.timestamp(0, 0) + rows.milliseconds(0, 1), rows.milliseconds(0, 1));
  }
  looked_at_ = name;
}

// `shared`: what it was by the database's clock and the offset, when it was `now`.
void TimeScale::correct(Connection& connection, Timestamp now, Timestamp shared, Milliseconds offset) {
  const Milliseconds apart = now - shared;
  if (std::chrono::abs(apart) > noticeable) offset += apart;
  connection.run(write, Parameters(offset, now));
}

}  // namespace afterword::store::postgres
