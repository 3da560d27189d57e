#include "store/postgres/transfer.h"

#include "store/postgres/connection.h"
#include "store/postgres/event_tables.h"
#include "store/postgres/schema.h"
#include "store/postgres/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace afterword::store::postgres {
namespace {

using domain::DelayId;

// Performs `step`, and gives an error of the server its meaning.
template <class Step>
auto explained(const Target& target, Step step) {
  try {
    return step();
  } catch (const Error& error) {
    throw TransferError(explain(target, error.what()));
  }
}

[[noreturn]] void refuse(const Target& target, const std::string& reason) {
  throw TransferError(target.shown() + ": " + reason);
}

Target read_target(const std::string& url) {
  auto target = Target::parse(url);
  if (!target) throw TransferError(unreadable_url);
  return *std::move(target);
}

// To be asked while no other can register.
void refuse_served(Connection& connection, const Target& target) {
  static const Statement living{
      "living_instances",
      "SELECT count(*), coalesce(ceil(extract(epoch FROM max(lease_until) - clock_timestamp())), 0)::int8"
      " FROM instances WHERE NOT ended AND lease_until > clock_timestamp()"};
  const auto rows = connection.run(living);
  if (rows.integer(0, 0) == 0) return;
  refuse(target, fmt::format("in use by Afterword (instances: {}); stop all (one that was killed counts for {} s more)",
                             rows.integer(0, 0), rows.integer(0, 1)));
}

// One statement each for the events whose delay_id begins with that byte, so that none takes long.
CountByState count_events(Connection& connection) {
  static const Statement count{"count_events",
                               "SELECT coalesce(a.state, e.state), count(*) FROM events AS e"
                               " LEFT JOIN active AS a ON a.delay_id = e.delay_id"
                               " WHERE e.delay_id BETWEEN $1::uuid AND $2::uuid GROUP BY 1"};
  CountByState counts{};
  for (int byte = 0; byte <= 0xff; ++byte) {
    DelayId::Bytes first{};
    DelayId::Bytes last{};
    last.fill(0xff);
    first[0] = last[0] = static_cast<std::uint8_t>(byte);
    const auto rows = connection.run(count, Parameters(DelayId(first), DelayId(last)));
    for (int i = 0; i < rows.size(); ++i) {
      counts.at(static_cast<std::size_t>(rows.enumerator(i, 0, domain::last_state))) +=
          static_cast<std::uint64_t>(rows.integer(i, 1));
    }
  }
  return counts;
}

// All in one transaction: a snapshot, and a lock that lets nobody register.
class Reader final : public TransferReader {
 public:
  explicit Reader(Target target) : target_(std::move(target)), connection_(target_, "afterword move from") {
    const auto current = require_schema(connection_);
    if (!current) refuse(target_, current.error());
    connection_.execute("SET idle_in_transaction_session_timeout = 0");
    connection_.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    connection_.execute("LOCK TABLE instances IN SHARE MODE");
    refuse_served(connection_, target_);
    if (const auto reason = unfinished(read_transfer_origin(connection_))) refuse(target_, *reason);
  }

  // Every start writes the time anew.
  TransferOrigin origin() override {
    static const Statement read{"read_stamp", "SELECT offset_ms, latest_ts FROM server_time"};
    return explained(target_, [&] {
      const auto rows = connection_.run(read);
      return TransferOrigin{target_.shown(), fmt::format("{} {}", rows.integer(0, 0), rows.integer(0, 1))};
    });
  }

  CountByState count() override {
    return explained(target_, [&] { return count_events(connection_); });
  }

  std::vector<TransferredEvent> read(const DelayId& after, std::uint32_t limit) override {
    static const Statement page{
        "read_page", fmt::format("SELECT {} FROM events AS e LEFT JOIN active AS a"
                                 " ON a.delay_id = e.delay_id WHERE e.delay_id > $1::uuid ORDER BY e.delay_id"
                                 " LIMIT $2::int8",
                                 all_columns())};
    return explained(target_, [&] {
      const auto rows = connection_.run(page, Parameters(after, std::int64_t{limit}));
      std::vector<TransferredEvent> found;
      found.reserve(limit);
      for (int i = 0; i < rows.size(); ++i) {
        found.push_back({read_event(rows.at(i)), read_transaction(rows.at(i))});
      }
      return found;
    });
  }

  ServerTime server_time(const MachineTime& machine) override {
    static const Statement read{"read_time",
                                "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8 + offset_ms, latest_ts"
                                " FROM server_time"};
    return explained(target_, [&] {
      const auto called = std::chrono::steady_clock::now();
      const auto rows = connection_.run(read);
      const auto since = std::chrono::ceil<Milliseconds>(std::chrono::steady_clock::now() - called);
      const Timestamp now = std::max(rows.timestamp(0, 0) - since, rows.timestamp(0, 1));
      return ServerTime{now - machine.since_boot, wall_offset_between(machine.wall, now)};
    });
  }

 private:
  const Target target_;
  Connection connection_;
};

class Writer final : public TransferWriter {
 public:
  explicit Writer(Target target) : target_(std::move(target)), connection_(target_, "afterword move to") {
    // The connection holds this lock. It waits for that of an earlier move which was killed, until the server notices.
    static const Statement lock{"lock_transfer", "SELECT pg_advisory_lock(x'416677720002'::int8)"};
    connection_.run(lock);
    const auto migrated = migrate(connection_);
    if (!migrated) refuse(target_, migrated.error());
  }

  const std::string& name() const override { return target_.shown(); }

  std::optional<TransferOrigin> origin() override {
    return explained(target_, [&] { return read_transfer_origin(connection_); });
  }

  void begin(const TransferOrigin& origin) override {
    static const Statement lock{"lock_instances", "LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE"};
    static const Statement any{"any_event", "SELECT EXISTS (SELECT FROM events)"};
    // Also those that are paused: they would renew their leases when they go on.
    static const Statement end_all{"end_instances", "UPDATE instances SET ended = true WHERE NOT ended"};
    static const Statement write{"write_origin", "INSERT INTO origin VALUES ($1::text, $2::text, false)"};
    explained(target_, [&] {
      connection_.send(begin_transaction);
      connection_.send(lock);
      connection_.run();
      refuse_served(connection_, target_);
      if (connection_.run(any).boolean(0, 0)) refuse(target_, "it holds events already; name a new database");
      connection_.send(end_all);
      connection_.send(write, Parameters(origin.source, origin.stamp));
      connection_.send(commit_transaction);
      connection_.run();
    });
  }

  CountByState count() override {
    return explained(target_, [&] { return count_events(connection_); });
  }

  DelayId last() override {
    static const Statement last{"last_event", "SELECT delay_id FROM events ORDER BY delay_id DESC LIMIT 1"};
    return explained(target_, [&] {
      const auto rows = connection_.run(last);
      return rows.empty() ? DelayId() : rows.delay_id(0, 0);
    });
  }

  void write(std::span<const TransferredEvent> transferred) override {
    EventArrays events;
    std::vector<std::string> users_to_prune;
    for (const TransferredEvent& event : transferred) {
      events.add(to_write(event.event, event.transaction));
      if (event.event.finalised) users_to_prune.push_back(event.event.event->user_id.value);
    }
    explained(target_, [&] {
      connection_.send(begin_transaction);
      events.send(connection_, nobody);  // whoever starts first takes over timers and attempts
      mark_to_prune(connection_, std::move(users_to_prune));
      connection_.send(commit_transaction);
      connection_.run();
    });
  }

  void finish(const ServerTime& time, const MachineTime& machine) override {
    static const Statement write_time{
        "write_scale",
        "UPDATE server_time SET offset_ms = $1::int8 - (extract(epoch FROM clock_timestamp()) * 1000)::int8,"
        " latest_ts = $1::int8"};
    static const Statement set_finished{"finish_origin", "UPDATE origin SET finished = true"};
    explained(target_, [&] {
      connection_.send(begin_transaction);
      connection_.send(write_time, Parameters(time.at(machine)));
      connection_.send(set_finished);
      connection_.send(commit_transaction);
      connection_.run();
    });
  }

 private:
  const Target target_;
  Connection connection_;
};

}  // namespace

std::unique_ptr<TransferReader> open_transfer_reader(const std::string& url) {
  const Target target = read_target(url);
  return explained(target, [&]() -> std::unique_ptr<TransferReader> { return std::make_unique<Reader>(target); });
}

std::unique_ptr<TransferWriter> open_transfer_writer(const std::string& url) {
  const Target target = read_target(url);
  return explained(target, [&]() -> std::unique_ptr<TransferWriter> { return std::make_unique<Writer>(target); });
}

}  // namespace afterword::store::postgres
