#include "store/postgres/time_scale.h"

#include "store/postgres/lease.h"

#include <algorithm>

namespace afterword::store::postgres {
namespace {

// A smaller difference may be the time that a question takes to the database and back.
constexpr Milliseconds noticeable{1000};
// The time that the answer takes to come back makes this instance's time late against the others': what they scheduled
// would leave here late. So it asks so many times, and the quickest answer counts.
constexpr int questions_at_start = 10;

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
  const auto ask = [&] {  // what it was when `machine` was read, or a little before
    const auto rows = connection.run(read);
    since = std::chrono::ceil<Milliseconds>(std::chrono::steady_clock::now() - asked);
    offset = rows.milliseconds(0, 1);
    latest = rows.timestamp(0, 2);
    return rows.timestamp(0, 0) - since + offset;
  };
  Timestamp shared = ask();
  if (!at_boot_) {
    for (int asked_times = 1; asked_times < questions_at_start; ++asked_times) shared = std::max(shared, ask());
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
