#include "transfer/synapse_sqlite.h"

#include "store/sqlite/database.h"
#include "transfer/synapse_columns.h"

#include <fmt/format.h>

#include <utility>

namespace afterword::transfer {
namespace {

using store::sqlite::Database;
using store::sqlite::Rows;
using store::sqlite::Statement;

std::optional<std::string> optional_text(const Rows& rows, int column) {
  if (rows.is_null(column)) return std::nullopt;
  return rows.text(column);
}

class SynapseSqlite final : public SynapseDatabase {
 public:
  explicit SynapseSqlite(Database database)
      : database_(std::move(database)),
        read_(database_, fmt::format(select_synapse_events, "?1", "?2")),
        remove_(database_, "DELETE FROM delayed_events WHERE delay_id = ?") {}

  std::optional<std::string> any_user() override {
    Statement statement(database_, any_synapse_user);
    Rows rows = statement.query();
    if (!rows.next()) return std::nullopt;
    return rows.text(0);
  }

  std::vector<SynapseEvent> read(const std::string& after, int limit) override {
    std::vector<SynapseEvent> events;
    Rows rows = read_.query(after, limit);
    while (rows.next()) {
      SynapseEvent event;
      event.delay_id = rows.text(0);
      event.user_localpart = rows.text(1);
      event.device_id = optional_text(rows, 2);
      event.delay = rows.milliseconds(3);
      event.send_ts = rows.wall_time(4);
      event.room_id = rows.text(5);
      event.type = rows.text(6);
      event.state_key = optional_text(rows, 7);
      if (!rows.is_null(8)) event.origin_server_ts = rows.wall_time(8);
      event.content = rows.text(9);
      if (!rows.is_null(10)) event.sticky_duration = rows.milliseconds(10);
      event.sent = rows.integer(11) != 0;
      events.push_back(std::move(event));
    }
    return events;
  }

  void remove(const std::vector<std::string>& delay_ids) override {
    for (const std::string& delay_id : delay_ids) remove_.run(delay_id);
  }

  void commit() override { database_.execute("COMMIT"); }

 private:
  Database database_;
  Statement read_;
  Statement remove_;
};

}  // namespace

Result<std::unique_ptr<SynapseDatabase>, std::string> open_synapse_sqlite(const std::filesystem::path& path) try {
  if (!std::filesystem::is_regular_file(path)) return fmt::format("{}: there is no such file", path.string());
  Database database = Database::open(path);
  database.execute("PRAGMA busy_timeout = 5000");
  database.execute("BEGIN EXCLUSIVE");
  return std::unique_ptr<SynapseDatabase>(std::make_unique<SynapseSqlite>(std::move(database)));
} catch (const store::sqlite::Error& error) {
  return fmt::format("{}: {}; is it Synapse's database, and Synapse stopped?", path.string(), error.what());
}

}  // namespace afterword::transfer
