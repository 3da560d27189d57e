#include "store/sqlite/schema.h"

#include "base/log.h"

#include <boost/endian/conversion.hpp>
#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <string_view>
#include <unistd.h>

namespace afterword::store::sqlite {
namespace {

constexpr std::int32_t application_id = 0x41667772;  // "Afwr", in the file's header

// Migration N brings the schema from version N to N + 1. Never change one that was released; add another.
constexpr std::array migrations{
    // Ids are never used again, so that the journal's entries for a forgotten event cannot be taken for another's.
    // delayed_since_ts of an active event may be older than what `timing` and `journal` hold.
    R"sql(
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  delay_id BLOB NOT NULL UNIQUE,
  transaction_key BLOB UNIQUE,
  user_id TEXT NOT NULL,
  device_id TEXT,
  room_id TEXT NOT NULL,
  kind INTEGER NOT NULL,                -- domain::EventKind
  type TEXT NOT NULL,
  state_key TEXT NOT NULL,
  redacts TEXT NOT NULL,
  sticky_duration_ms INTEGER,
  origin_server_ts INTEGER,
  delayed_since_ts INTEGER NOT NULL,
  delay_ms INTEGER NOT NULL,
  due_ts INTEGER AS (delayed_since_ts + delay_ms) VIRTUAL,
  state INTEGER NOT NULL,               -- domain::State
  attempt_ts INTEGER,
  attempt_on_request INTEGER,
  finalised_ts INTEGER,
  event_id TEXT,
  error_status INTEGER,
  error_body TEXT,
  content TEXT NOT NULL
) STRICT;
CREATE INDEX active_of_user ON events (user_id, delay_id) WHERE state <= 1;
CREATE INDEX finalised_of_user_by_due ON events (user_id, due_ts, delay_id) WHERE state >= 2;
CREATE INDEX finalised_of_user_by_age ON events (user_id, finalised_ts) WHERE state >= 2;
CREATE INDEX sent_of_user ON events (user_id, event_id) WHERE state = 2;
CREATE INDEX finalised_by_age ON events (finalised_ts) WHERE state >= 2;

-- delayed_since of active events that were restarted, folded from the journal.
CREATE TABLE timing (id INTEGER PRIMARY KEY, delayed_since_ts INTEGER NOT NULL) STRICT;
-- A row for each batch of restarts.
CREATE TABLE journal (id INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
-- One row: KeptTime of base/server_time.h.
CREATE TABLE server_time (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  boot_id TEXT NOT NULL,
  at_boot_ts INTEGER NOT NULL,
  wall_offset_ms INTEGER NOT NULL,
  latest_ts INTEGER NOT NULL
) STRICT;
-- Who finalised something since the last prune.
CREATE TABLE users_to_prune (user_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
)sql",
    // At most one row: TransferOrigin of store/transfer.h.
    R"sql(
CREATE TABLE origin (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  source TEXT NOT NULL,
  stamp TEXT NOT NULL,
  finished INTEGER NOT NULL
) STRICT;
)sql",
    // For whoever operates the server.
    R"sql(
CREATE INDEX active_of_room ON events (room_id, delay_id) WHERE state <= 1;
CREATE INDEX failed_by_age ON events (finalised_ts, delay_id) WHERE state = 3;
)sql",
    // Active events are found in memory (ActiveEvents), finalised ones alone by an index: to schedule an event appends
    // a
    // row, and to an index that is in the same order. The table had two constraints that were indexes of all.
    R"sql(
ALTER TABLE events RENAME TO all_events;
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  delay_id BLOB NOT NULL,
  transaction_key BLOB,
  user_id TEXT NOT NULL,
  device_id TEXT,
  room_id TEXT NOT NULL,
  kind INTEGER NOT NULL,                -- domain::EventKind
  type TEXT NOT NULL,
  state_key TEXT NOT NULL,
  redacts TEXT NOT NULL,
  sticky_duration_ms INTEGER,
  origin_server_ts INTEGER,
  delayed_since_ts INTEGER NOT NULL,
  delay_ms INTEGER NOT NULL,
  due_ts INTEGER AS (delayed_since_ts + delay_ms) VIRTUAL,
  state INTEGER NOT NULL,               -- domain::State
  attempt_ts INTEGER,
  attempt_on_request INTEGER,
  finalised_ts INTEGER,
  event_id TEXT,
  error_status INTEGER,
  error_body TEXT,
  content TEXT NOT NULL
) STRICT;
INSERT INTO events (id, delay_id, transaction_key, user_id, device_id, room_id, kind, type, state_key, redacts,
                    sticky_duration_ms, origin_server_ts, delayed_since_ts, delay_ms, state, attempt_ts,
                    attempt_on_request, finalised_ts, event_id, error_status, error_body, content)
  SELECT id, delay_id, transaction_key, user_id, device_id, room_id, kind, type, state_key, redacts,
         sticky_duration_ms, origin_server_ts, delayed_since_ts, delay_ms, state, attempt_ts, attempt_on_request,
         finalised_ts, event_id, error_status, error_body, content FROM all_events ORDER BY id;
-- The latest id may be that of an event that was forgotten.
DELETE FROM sqlite_sequence WHERE name = 'events';
INSERT INTO sqlite_sequence (name, seq) SELECT 'events', seq FROM sqlite_sequence WHERE name = 'all_events';
DROP TABLE all_events;
CREATE INDEX active ON events (id) WHERE state <= 1;
CREATE UNIQUE INDEX finalised ON events (delay_id) WHERE state >= 2;
CREATE UNIQUE INDEX finalised_by_transaction ON events (transaction_key)
  WHERE state >= 2 AND transaction_key IS NOT NULL;
CREATE INDEX finalised_of_user_by_due ON events (user_id, due_ts, delay_id) WHERE state >= 2;
CREATE INDEX finalised_of_user_by_age ON events (user_id, finalised_ts) WHERE state >= 2;
CREATE INDEX sent_of_user ON events (user_id, event_id) WHERE state = 2;
CREATE INDEX finalised_by_age ON events (finalised_ts) WHERE state >= 2;
CREATE INDEX failed_by_age ON events (finalised_ts, delay_id) WHERE state = 3;
)sql"};

// Makes the file, for its owner alone, or sees that it can be opened; the reason why not.
std::optional<std::string> touch(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) {
    ::close(file);
    return std::nullopt;
  }
  if (errno == ENOENT) return fmt::format("{}: its folder does not exist; make it first", path.string());
  return fmt::format("{}: {}", path.string(), std::strerror(errno));
}

// Looks at the file's header before SQLite may touch the file. Ours has its application_id there from its first
// commit on.
std::optional<std::string> refuse_foreign(const std::filesystem::path& path) {
  std::array<char, 100> header{};
  std::ifstream file(path, std::ios::binary);
  file.read(header.data(), header.size());
  if (file.gcount() == 0) return std::nullopt;  // new
  if (file.gcount() < 100 || std::string_view(header.data(), 16) != std::string_view("SQLite format 3\0", 16)) {
    return fmt::format("{}: not a database; name another file", path.string());
  }
  std::array<unsigned char, 4> id{};
  std::memcpy(id.data(), header.data() + 68, id.size());
  if (boost::endian::load_big_s32(id.data()) == application_id) return std::nullopt;
  return fmt::format("{}: the database of another application; name another file", path.string());
}

constexpr auto newest_version = static_cast<std::int64_t>(migrations.size());

std::int64_t version_of(Database& database) { return database.query_integer("PRAGMA user_version"); }

std::optional<std::string> refuse_newer(const std::filesystem::path& path, Database& database) {
  const auto version = version_of(database);
  if (version <= newest_version) return std::nullopt;
  return fmt::format("{}: written by a newer version of Afterword (schema {}, this one knows {}); run that version",
                     path.string(), version, newest_version);
}

void migrate(Database& database) {
  const auto version = version_of(database);
  if (version == newest_version) return;
  if (version > 0) {
    log::info("{}: written by an older version; its events are brought into the form of this one",
              database.path().string());
  }
  database.execute("BEGIN IMMEDIATE");
  for (auto next = version; next < newest_version; ++next) {
    database.execute(migrations.at(static_cast<std::size_t>(next)));
  }
  database.execute(fmt::format("PRAGMA application_id = {}", application_id));
  database.execute(fmt::format("PRAGMA user_version = {}", newest_version));
  database.execute("COMMIT");
}

// In the exclusive mode the first transaction takes it, and keeps it.
void take_lock(Database& database) {
  database.execute("BEGIN IMMEDIATE");
  database.execute("COMMIT");
}

}  // namespace

std::string explain(const std::filesystem::path& path, const Error& error) {
  switch (error.code()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fmt::format("{}: in use by another process; stop that one first", path.string());
    case SQLITE_NOTADB:
      return fmt::format("{}: not a database; name another file", path.string());
    case SQLITE_CORRUPT:
      return fmt::format("{}: corrupted ({}); restore it from a backup, or what is left of it with sqlite3's .recover",
                         path.string(), error.what());
    case SQLITE_FULL:
      return fmt::format("{}: the disk is full; make room", path.string());
    default:
      return fmt::format("{}: {}", path.string(), error.what());
  }
}

Result<Database, std::string> open_database(const std::filesystem::path& path) try {
  if (auto reason = touch(path)) return *std::move(reason);
  if (auto reason = refuse_foreign(path)) return *std::move(reason);
  Database database = Database::open(path);
  database.execute("PRAGMA locking_mode = EXCLUSIVE");
  database.execute("PRAGMA synchronous = FULL");
  if (auto reason = refuse_newer(path, database)) return *std::move(reason);
  migrate(database);
  // After the first commit, which so reaches the file itself, header and all.
  database.execute("PRAGMA journal_mode = WAL");
  // A page that many commits change is copied from the log once a checkpoint: so these are rare. The log is 16 MB then.
  database.execute("PRAGMA wal_autocheckpoint = 4000");
  take_lock(database);
  return database;
} catch (const Error& error) {
  return explain(path, error);
}

Result<Database, std::string> open_unchanged(const std::filesystem::path& path) try {
  if (!std::filesystem::is_regular_file(path)) {
    return fmt::format("{}: there is no such file; correct its name", path.string());
  }
  if (auto reason = refuse_foreign(path)) return *std::move(reason);
  Database database = Database::open(path);
  database.leave_alone();
  database.execute("PRAGMA locking_mode = EXCLUSIVE");
  take_lock(database);
  if (auto reason = refuse_newer(path, database)) return *std::move(reason);
  if (version_of(database) < newest_version) {
    return fmt::format("{}: written by an older version of Afterword; start this one on it once", path.string());
  }
  return database;
} catch (const Error& error) {
  return explain(path, error);
}

}  // namespace afterword::store::sqlite
