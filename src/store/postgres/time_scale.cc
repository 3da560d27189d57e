#include "store/postgres/time_scale.h"

#include "store/postgres/lease.h"

#include <algorithm>

namespace afterword::store::postgres {
namespace {

// Less may come of the way to the database and back.
constexpr Milliseconds noticeable{1000};
// By what an answer takes to come back, an instance is behind the others, and what they scheduled for it is late, or
// what it did for them early. The quickest of so many answers counts.
constexpr int looks_at_start = 10;

const Statement read{"read_time",
                     "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8, offset_ms, latest_ts"
                     " FROM server_time"};
const Statement write{"write_time",
                      "UPDATE server_time SET offset_ms = $1::int8, latest_ts = greatest(latest_ts, $2::int8)"};

}  // namespace

ServerTime TimeScale::keep(Connection& connection, const MachineTime& machine,
                           std::chrono::steady_clock::time_point asked) {
  Milliseconds since{};
  Milliseconds offset{};
  Timestamp latest;
  const auto look = [&] {  // what it was when `machine` was read, or a little before
    const auto rows = connection.run(read);
    since = std::chrono::ceil<Milliseconds>(std::chrono::steady_clock::now() - asked);
    offset = rows.milliseconds(0, 1);
    latest = rows.timestamp(0, 2);
    return rows.timestamp(0, 0) - since + offset;
  };
  Timestamp shared = look();
  if (!at_boot_) {
    for (int looks = 1; looks < looks_at_start; ++looks) shared = std::max(shared, look());
    at_boot_ = std::max(shared, latest) - machine.since_boot;
  }
  machine_ahead_ = machine.since_boot + since - time_since_boot();
  const Timestamp now = *at_boot_ + machine.since_boot;
  correct(connection, now, shared, offset);
  return {*at_boot_, wall_offset_between(machine.wall, now)};
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
