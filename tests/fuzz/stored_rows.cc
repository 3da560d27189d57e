// store/sqlite: whatever stands in the rows of a database of ours, it is read or refused, and every verb has an answer.
//
// The input: binary; rows of events, of timing and of the journal, as read_rows() has it.
#include "base/testing/temporary_folder.h"
#include "require.h"
#include "store/sqlite/database.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/run.h"
#include "targets.h"

#include <cstring>
#include <filesystem>

namespace afterword::fuzz {
namespace {

using store::sqlite::Blob;
using store::sqlite::Database;
using store::sqlite::Statement;

// Cuts values off the input; zeros and empty texts when it has come to its end.
class Values {
 public:
  explicit Values(std::string_view input) : rest_(input) {}

  bool any() const { return !rest_.empty(); }

  std::string_view bytes(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::uint8_t byte() {
    const std::string_view taken = bytes(1);
    return taken.empty() ? 0 : static_cast<std::uint8_t>(taken[0]);
  }
  // Mostly small: one byte, or nine.
  std::int64_t integer() {
    const std::uint8_t first = byte();
    if (first < 0xf0) return first;
    std::int64_t value = 0;
    const std::string_view taken = bytes(sizeof value);
    std::memcpy(&value, taken.data(), taken.size());
    return value;
  }
  std::string_view text() { return bytes(byte() % 32); }
  Blob blob(std::size_t size) {
    const std::string_view taken = bytes(size);
    return {reinterpret_cast<const std::uint8_t*>(taken.data()), taken.size()};
  }

 private:
  std::string_view rest_;
};

void read_rows(Values& values, Database& database) {
  Statement event(database,
                  "INSERT OR IGNORE INTO events (delay_id, user_id, room_id, kind, type, state_key, redacts, content,"
                  " delayed_since_ts, delay_ms, state, attempt_ts, attempt_on_request, finalised_ts, event_id,"
                  " error_status, error_body, sticky_duration_ms, origin_server_ts)"
                  " SELECT ?1, '@a:b', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
                  " WHERE NOT EXISTS (SELECT 1 FROM events WHERE delay_id = ?1)");
  Statement timing(database, "INSERT OR IGNORE INTO timing (id, delayed_since_ts) VALUES (?, ?)");
  Statement journal(database, "INSERT INTO journal (id, entries) VALUES (NULL, ?)");
  for (int rows = 0; rows < 16 && values.any(); ++rows) {
    switch (values.byte() % 4) {
      case 0:
        journal.run(values.blob(values.byte()));
        break;
      case 1:
        timing.run(values.integer(), values.integer());
        break;
      default: {
        const std::uint8_t size = values.byte();
        event.run(values.blob(size < 0xf0 ? 16 : size - 0xf0), values.text(), values.integer(), values.text(),
                  values.text(), values.text(), values.text(), values.integer(), values.integer(), values.integer(),
                  values.integer(), values.integer(), values.integer(), values.text(), values.integer(), values.text(),
                  values.integer(), values.integer());
      }
    }
  }
}

void use(store::Store& store, store::testing::Runner& runner) {
  const domain::UserId user("@a:b");
  const Timestamp now = from_ms(1'000'000);
  for (const bool backwards : {false, true}) {
    store::ListQuery query;
    query.limit = 3;
    if (backwards) query.direction = store::Direction::backwards;
    const auto page = runner.run(store.list(user, query));
    if (!page) continue;
    require(page->events.size() <= query.limit, "a page has a limit");
    for (const domain::DelayedEvent& event : page->events) {
      require(event.finalised.has_value() == domain::is_finalised(event.state), "what is finalised has an outcome");
      const auto alone = runner.run(store.look_up(event.delay_id, user));
      require(!alone || (*alone && (*alone)->state == event.state), "what is listed can be looked up");
    }
  }
  const auto active = runner.run(store.adopt());
  if (!active) return;
  const auto page = runner.run(store.list(user, {}));
  if (!page) return;
  for (const domain::DelayedEvent& event : page->events) {
    runner.run(store.restart(event.delay_id, user, now));
    runner.run(store.claim(event.delay_id, user, domain::Attempt{to_wall(now, Milliseconds(0)), true}, now));
    runner.run(store.finalise(event.delay_id, domain::Finalised{now, domain::EventId("$e")}));
    runner.run(store.cancel(event.delay_id, user, now));
  }
  runner.run(store.prune({std::chrono::hours(1), 1}, now));
}

}  // namespace

void stored_rows(std::string_view input) {
  static const afterword::testing::TemporaryFolder folder("/dev/shm");  // in memory, where syncing costs nothing
  const std::filesystem::path file = folder / "afterword.db";
  store::testing::Runner runner;
  const auto open = [&] { return store::sqlite::open(runner.executor(), {file, store::CommitOn::executor, {}}); };
  if (!std::filesystem::exists(file)) require(open().has_value(), "a database is made");
  {
    Database database = Database::open(file);
    database.execute("PRAGMA synchronous = OFF; DELETE FROM events; DELETE FROM timing; DELETE FROM journal");
    Values values(input);
    read_rows(values, database);
  }
  auto opened = open();
  if (!opened) return require(!opened.error().empty(), "what cannot be opened has a reason");
  use(**opened, runner);
  runner.run((*opened)->close());
}

}  // namespace afterword::fuzz
