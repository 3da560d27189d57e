#include "store/postgres/time_scale.h"

#include "store/postgres/clock_comparison.h"
#include "store/postgres/lease.h"

#include <algorithm>

namespace afterword::store::postgres {
namespace {

// A smaller difference may be the time that a question takes to the database and back.
constexpr Milliseconds noticeable{1000};
// At the start. An instance whose time is late against the others' sends early what was restarted with it, and sends
// late what the others did. So it asks until it knows well enough, and not for ever if the database is far away.
constexpr std::chrono::milliseconds certain_enough{1};
constexpr int fewest_questions = 10;
constexpr int most_questions = 50;

const Statement read{"read_time",
                     "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8, offset_ms, latest_ts"
                     " FROM server_time"};
const Statement write{"write_time",
                      "UPDATE server_time SET offset_ms = $1::int8, latest_ts = greatest(latest_ts, $2::int8)"};

// What the database keeps, at its latest answer.
struct Kept {
  Milliseconds offset{};
  Timestamp latest;
};

Kept ask(Connection& connection, ClockComparison& comparison) {
  const auto asked = std::chrono::steady_clock::now();
  const auto rows = connection.run(read);
  const std::chrono::microseconds since_epoch(rows.integer(0, 0));
  comparison.add(asked, std::chrono::steady_clock::now(), ClockComparison::Reading(since_epoch));
  return {rows.milliseconds(0, 1), rows.timestamp(0, 2)};
}

Timestamp shared_time(const ClockComparison& comparison, const Kept& kept) {
  return Timestamp(std::chrono::floor<Milliseconds>(comparison.earliest().time_since_epoch()) + kept.offset);
}

}  // namespace

ServerTime TimeScale::keep(Connection& connection, const MachineTime& machine,
                           std::chrono::steady_clock::time_point asked) {
  ClockComparison comparison(asked);
  Kept kept = ask(connection, comparison);
  if (!at_boot_) {
    while (comparison.answers() < fewest_questions ||
           (comparison.uncertainty() > certain_enough && comparison.answers() < most_questions)) {
      kept = ask(connection, comparison);
    }
    at_boot_ = std::max(shared_time(comparison, kept), kept.latest) - machine.since_boot;
  }
  const auto since = std::chrono::floor<Milliseconds>(std::chrono::steady_clock::now() - asked);
  machine_ahead_ = machine.since_boot + since - time_since_boot();
  const Timestamp now = *at_boot_ + machine.since_boot;
  correct(connection, now, shared_time(comparison, kept), kept.offset);
  return {*at_boot_, wall_offset_between(machine.wall, now)};
}

void TimeScale::look_again(Connection& connection, const std::string& name) {
  if (name == looked_at_) return;
  if (at_boot_) {
    ClockComparison comparison(std::chrono::steady_clock::now());
    const Timestamp now = *at_boot_ + machine_ahead_ + time_since_boot();
    const Kept kept = ask(connection, comparison);
    correct(connection, now, shared_time(comparison, kept), kept.offset);
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
