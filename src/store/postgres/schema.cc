#include "store/postgres/schema.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>

namespace afterword::store::postgres {
namespace {

constexpr std::int64_t migration_lock = 0x41667772;  // "Afwr"

// Migration N brings the schema from version N to N + 1. Never change one that was released; add another.
constexpr std::array migrations{
    R"sql(
-- Content and outcome: written when an event is scheduled and when it is finalised. While it is active, its state is 0
-- here, and the truth is in `active`.
CREATE TABLE events (
  delay_id uuid PRIMARY KEY,
  transaction_key bytea UNIQUE,
  user_id bytea NOT NULL,
  device_id bytea,
  room_id bytea NOT NULL,
  kind smallint NOT NULL,                 -- domain::EventKind
  type bytea NOT NULL,
  state_key bytea NOT NULL,
  redacts bytea NOT NULL,
  sticky_duration_ms bigint,
  origin_server_ts bigint,
  delayed_since_ts bigint NOT NULL,       -- of a finalised event
  delay_ms bigint NOT NULL,
  state smallint NOT NULL,                -- domain::State
  finalised_ts bigint,
  event_id bytea,
  error_status integer,
  error_body bytea,
  content bytea NOT NULL
);
CREATE INDEX finalised_of_user_by_due ON events (user_id, (delayed_since_ts + delay_ms), delay_id) WHERE state >= 2;
CREATE INDEX finalised_of_user_by_age ON events (user_id, finalised_ts, delay_id) WHERE state >= 2;
CREATE INDEX sent_of_user ON events (user_id, event_id) WHERE state = 2;
CREATE INDEX finalised_by_age ON events (finalised_ts) WHERE state >= 2;

-- Who has which timers and attempts. Instance 0 is nobody: it never lived.
CREATE TABLE instances (
  instance bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lease_until timestamptz NOT NULL,
  ended boolean NOT NULL DEFAULT false    -- others may take over what it had; it cannot come back
);
INSERT INTO instances (instance, lease_until, ended) OVERRIDING SYSTEM VALUE VALUES (0, '-infinity', true);

-- What is scheduled or sending. A heartbeat changes delayed_since_ts, which is in no index: with room on its page the
-- new row stays there, and no index is touched.
CREATE TABLE active (
  delay_id uuid PRIMARY KEY,
  delayed_since_ts bigint NOT NULL,
  delay_ms bigint NOT NULL,
  owner bigint NOT NULL,                  -- the instance that has its timer
  sender bigint NOT NULL DEFAULT 0,       -- while sending: the instance whose attempt it is
  attempt_ts bigint,
  state smallint NOT NULL DEFAULT 0,      -- scheduled or sending
  attempt_on_request boolean,
  user_id bytea NOT NULL,
  room_id bytea NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX active_of_user ON active (user_id);
CREATE INDEX active_of_instance ON active (owner);
CREATE INDEX active_of_room ON active (room_id, owner);
CREATE INDEX sending_of_instance ON active (sender) WHERE state = 1;

-- One row: server time is the database's clock and this offset, and was at least `latest_ts`.
CREATE TABLE server_time (
  offset_ms bigint NOT NULL,
  latest_ts bigint NOT NULL
);
INSERT INTO server_time VALUES (0, 0);

-- Who finalised something since the last prune.
CREATE TABLE users_to_prune (user_id bytea PRIMARY KEY);
)sql",
    // At most one row: TransferOrigin of store/transfer.h.
    R"sql(
CREATE TABLE origin (
  source text NOT NULL,
  stamp text NOT NULL,
  finished boolean NOT NULL
);
)sql",
    // For whoever operates the server.
    R"sql(
CREATE INDEX failed_by_age ON events (finalised_ts, delay_id) WHERE state = 3;
)sql"};

constexpr auto newest_version = static_cast<std::int64_t>(migrations.size());

// Nothing: there is none of our schema.
std::optional<std::int64_t> version_of(Connection& connection) {
  // Asked of the catalogue itself: what to_regclass() knows may be from before the wait for the lock.
  static const Statement exists{
      "schema_exists",
      "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'afterword' AND tablename = 'schema_version')"};
  static const Statement version{"schema_version", "SELECT version FROM afterword.schema_version"};
  if (!connection.run(exists).boolean(0, 0)) return std::nullopt;
  return connection.run(version).integer(0, 0);
}

Result<void, std::string> refuse_newer(std::int64_t version) {
  if (version <= newest_version) return {};
  return fmt::format("written by a newer version of Afterword (schema {}, this one knows {}); run that version",
                     version, newest_version);
}

}  // namespace

Result<void, std::string> migrate(Connection& connection) {
  auto version = version_of(connection);
  if (version && *version >= newest_version) return refuse_newer(*version);

  // A large table takes its time, and so does waiting for the instance that is at it.
  connection.execute(
      fmt::format("BEGIN;"
                  "SET LOCAL statement_timeout = 0;"
                  "SET LOCAL lock_timeout = 0;"
                  "SET LOCAL idle_in_transaction_session_timeout = 0;"
                  "SELECT pg_advisory_xact_lock({})",
                  migration_lock));
  version = version_of(connection);
  if (!version) {
    version = 0;
    // The schema may have been made for a user who may make none.
    static const Statement has_schema{"has_schema",
                                      "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'afterword')"};
    if (!connection.run(has_schema).boolean(0, 0)) connection.execute("CREATE SCHEMA afterword");
    connection.execute(
        "CREATE TABLE schema_version (version integer NOT NULL);"
        "INSERT INTO schema_version VALUES (0)");
  }
  for (auto next = *version; next < newest_version; ++next) {
    connection.execute(migrations.at(static_cast<std::size_t>(next)));
    connection.execute(fmt::format("UPDATE schema_version SET version = {}", next + 1));
  }
  connection.run(commit_transaction);
  return refuse_newer(*version);
}

Result<void, std::string> require_schema(Connection& connection) {
  const auto version = version_of(connection);
  if (!version) return std::string("it holds nothing of Afterword's; name the database that is served");
  if (*version < newest_version) {
    return std::string("written by an older version of Afterword; start this one on it once");
  }
  return refuse_newer(*version);
}

std::optional<TransferOrigin> read_transfer_origin(Connection& connection) {
  static const Statement read{"read_transfer_origin", "SELECT source, stamp, finished FROM origin"};
  const auto rows = connection.run(read);
  if (rows.empty()) return std::nullopt;
  return TransferOrigin{rows.text(0, 0), rows.text(0, 1), rows.boolean(0, 2)};
}

}  // namespace afterword::store::postgres
