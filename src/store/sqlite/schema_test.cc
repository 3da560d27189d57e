#include "store/sqlite/schema.h"

#include "base/testing/temporary_folder.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/contract.h"
#include "store/testing/new_event.h"
#include "store/testing/open_sqlite.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace afterword::store::sqlite {
namespace {

using namespace std::chrono_literals;
using afterword::testing::TemporaryFolder;
using domain::State;
using testing::alice;
using ::testing::HasSubstr;
using testing::new_event;
using testing::noon;
using testing::Runner;
using testing::wall_noon;

// As version 3 made it, of which each event was in an index of all events by delay_id, and by transaction.
constexpr const char* version_3 = R"sql(
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  delay_id BLOB NOT NULL UNIQUE,
  transaction_key BLOB UNIQUE,
  user_id TEXT NOT NULL,
  device_id TEXT,
  room_id TEXT NOT NULL,
  kind INTEGER NOT NULL,
  type TEXT NOT NULL,
  state_key TEXT NOT NULL,
  redacts TEXT NOT NULL,
  sticky_duration_ms INTEGER,
  origin_server_ts INTEGER,
  delayed_since_ts INTEGER NOT NULL,
  delay_ms INTEGER NOT NULL,
  due_ts INTEGER AS (delayed_since_ts + delay_ms) VIRTUAL,
  state INTEGER NOT NULL,
  attempt_ts INTEGER,
  attempt_on_request INTEGER,
  finalised_ts INTEGER,
  event_id TEXT,
  error_status INTEGER,
  error_body TEXT,
  content TEXT NOT NULL
) STRICT;
CREATE INDEX active_of_user ON events (user_id, delay_id) WHERE state <= 1;
CREATE INDEX active_of_room ON events (room_id, delay_id) WHERE state <= 1;
CREATE INDEX finalised_of_user_by_due ON events (user_id, due_ts, delay_id) WHERE state >= 2;
CREATE INDEX finalised_of_user_by_age ON events (user_id, finalised_ts) WHERE state >= 2;
CREATE INDEX sent_of_user ON events (user_id, event_id) WHERE state = 2;
CREATE INDEX finalised_by_age ON events (finalised_ts) WHERE state >= 2;
CREATE INDEX failed_by_age ON events (finalised_ts, delay_id) WHERE state = 3;
CREATE TABLE timing (id INTEGER PRIMARY KEY, delayed_since_ts INTEGER NOT NULL) STRICT;
CREATE TABLE journal (id INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
CREATE TABLE server_time (id INTEGER PRIMARY KEY CHECK (id = 0), boot_id TEXT NOT NULL, at_boot_ts INTEGER NOT NULL,
                          wall_offset_ms INTEGER NOT NULL, latest_ts INTEGER NOT NULL) STRICT;
CREATE TABLE users_to_prune (user_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE origin (id INTEGER PRIMARY KEY CHECK (id = 0), source TEXT NOT NULL, stamp TEXT NOT NULL,
                     finished INTEGER NOT NULL) STRICT;
PRAGMA application_id = 0x41667772;
PRAGMA user_version = 3;
)sql";

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

class Schema : public ::testing::Test {
 protected:
  std::unique_ptr<Store> open() { return testing::open_sqlite(runner_.executor(), path_); }

  static std::string insert(std::int64_t row, const domain::NewDelayedEvent& event, std::string_view state) {
    return fmt::format(
        "INSERT INTO events (id, delay_id, transaction_key, user_id, room_id, kind, type, state_key, redacts,"
        " delayed_since_ts, delay_ms, content, state, attempt_ts, attempt_on_request, finalised_ts, event_id)"
        " VALUES ({}, x'{}', x'{}', '{}', '!kitchen:example.org', 0, 'm.room.message', '', '', {}, 10000, '{{}}', {});",
        row, hex(event.delay_id.bytes()), hex(event.transaction->digest), alice.value, to_ms(noon), state);
  }

  static domain::NewDelayedEvent event_of(std::string_view txn_id) {
    auto event = new_event();
    event.transaction = domain::TransactionKey::of(alice, std::nullopt, "/send", txn_id);
    return event;
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "afterword.db";
  Runner runner_;
};

TEST_F(Schema, OfVersion3IsBroughtUpToDateWithAllThatItHolds) {
  const auto scheduled = event_of("scheduled");
  const auto sending = event_of("sending");
  const auto sent = event_of("sent");
  {
    Database database = Database::open(path_);
    database.execute(version_3);
    database.execute(insert(3, sent, fmt::format("2, NULL, NULL, {}, '$sent'", to_ms(noon))));
    database.execute(insert(5, scheduled, "0, NULL, NULL, NULL, NULL"));
    database.execute(insert(6, sending, fmt::format("1, {}, 0, NULL, NULL", to_ms(noon))));
    database.execute("INSERT INTO timing VALUES (5, " + std::to_string(to_ms(noon + 7s)) + ")");
    // Forgotten, but the journal may still know it.
    database.execute("UPDATE sqlite_sequence SET seq = 90 WHERE name = 'events'");
  }
  auto store = open();
  EXPECT_EQ(runner_.run(store->look_up(scheduled.delay_id, alice)).value()->timing.delayed_since, noon + 7s);
  EXPECT_EQ(runner_.run(store->look_up(sending.delay_id, alice)).value()->attempt->origin_server_ts, wall_noon);
  EXPECT_EQ(runner_.run(store->look_up(sent.delay_id, alice)).value()->state, State::sent);
  for (const auto* known : {&scheduled, &sending, &sent}) {
    auto again = event_of("");
    again.transaction = known->transaction;
    const auto answer = std::get<Scheduled>(runner_.run(store->schedule(again, std::nullopt)).value());
    EXPECT_FALSE(answer.created);
    EXPECT_EQ(answer.delay_id, known->delay_id);
  }
  const auto fresh = event_of("new");
  runner_.run(store->schedule(fresh, std::nullopt)).value();
  runner_.run(store->close());

  Database database = Database::open(path_);
  EXPECT_EQ(database.query_integer("SELECT max(id) FROM events"), 91);
  EXPECT_EQ(database.query_integer("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite_autoindex_events%'"), 0);
}

// As in a container whose root is read-only.
TEST_F(Schema, NeedsNoFolderForTemporaryFiles) {
  Database database = Database::open(path_);
  constexpr int in_memory = 2;
  EXPECT_EQ(database.query_integer("PRAGMA temp_store"), in_memory);
}

TEST_F(Schema, HoldsNoTwoActiveEventsOfOneName) {
  const auto event = event_of("first");
  auto other = event_of("second");
  for (const bool of_one_transaction : {false, true}) {
    SCOPED_TRACE(of_one_transaction);
    for (const char* file : {"afterword.db", "afterword.db-wal"}) std::filesystem::remove(folder_ / file);
    runner_.run(open()->close());
    if (of_one_transaction) {
      other.transaction = event.transaction;
      other.delay_id = domain::DelayId::random();
    } else {
      other.delay_id = event.delay_id;
    }
    {
      Database database = Database::open(path_);
      database.execute(insert(1, event, "0, NULL, NULL, NULL, NULL"));
      database.execute(insert(2, other, "0, NULL, NULL, NULL, NULL"));
    }
    const auto opened = sqlite::open(runner_.executor(), {path_, CommitOn::executor, {}});
    ASSERT_TRUE(opened.has_error());
    EXPECT_THAT(opened.error(), HasSubstr("corrupted"));
  }
}

}  // namespace
}  // namespace afterword::store::sqlite
