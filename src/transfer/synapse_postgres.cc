#include "transfer/synapse_postgres.h"

#include "store/postgres/connection.h"
#include "store/postgres/target.h"
#include "transfer/synapse_columns.h"

#include <fmt/format.h>

#include <utility>

namespace afterword::transfer {
namespace {

using store::postgres::array_of;
using store::postgres::ArrayOf;
using store::postgres::Connection;
using store::postgres::Parameters;
using store::postgres::Rows;
using store::postgres::Statement;
using store::postgres::Target;

std::optional<std::string> optional_text(const Rows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.text(row, column);
}

SynapseEvent read_row(const Rows& rows, int row) {
  SynapseEvent event;
  event.delay_id = rows.text(row, 0);
  event.user_localpart = rows.text(row, 1);
  event.device_id = optional_text(rows, row, 2);
  event.delay = rows.milliseconds(row, 3);
  event.send_ts = rows.wall_time(row, 4);
  event.room_id = rows.text(row, 5);
  event.type = rows.text(row, 6);
  event.state_key = optional_text(rows, row, 7);
  if (!rows.is_null(row, 8)) event.origin_server_ts = rows.wall_time(row, 8);
  event.content = rows.text(row, 9);
  if (!rows.is_null(row, 10)) event.sticky_duration = rows.milliseconds(row, 10);
  event.sent = rows.integer(row, 11) != 0;
  return event;
}

class SynapsePostgres final : public SynapseDatabase {
 public:
  explicit SynapsePostgres(const Target& target) : connection_(target, "afterword import-synapse") {}

  // For as long as an import may take.
  void lock() {
    connection_.execute("RESET search_path");  // Synapse's own
    connection_.execute("SET idle_in_transaction_session_timeout = 0");
    connection_.execute("BEGIN");
    connection_.execute("LOCK TABLE delayed_events IN ACCESS EXCLUSIVE MODE");
  }

  std::optional<std::string> any_user() override {
    static const Statement any{"any_user", any_synapse_user};
    const Rows rows = connection_.run(any);
    if (rows.empty()) return std::nullopt;
    return rows.text(0, 0);
  }

  std::vector<SynapseEvent> read(const std::string& after, int limit) override {
    static const Statement page{"read_page", fmt::format(select_synapse_events, "$1::text", "$2::int8")};
    const Rows rows = connection_.run(page, Parameters(after, std::int64_t{limit}));
    std::vector<SynapseEvent> events;
    events.reserve(static_cast<std::size_t>(rows.size()));
    for (int row = 0; row < rows.size(); ++row) events.push_back(read_row(rows, row));
    return events;
  }

  void remove(const std::vector<std::string>& delay_ids) override {
    static const Statement remove{"remove", "DELETE FROM delayed_events WHERE delay_id = ANY($1::text[])"};
    connection_.run(remove, Parameters(array_of(ArrayOf::texts, delay_ids)));
  }

  void commit() override { connection_.execute("COMMIT"); }

 private:
  Connection connection_;
};

}  // namespace

Result<std::unique_ptr<SynapseDatabase>, std::string> open_synapse_postgres(const std::string& url) {
  const auto target = Target::parse(url);
  if (!target) return std::string(store::postgres::unreadable_url);
  std::unique_ptr<SynapsePostgres> synapse;
  try {
    synapse = std::make_unique<SynapsePostgres>(*target);
  } catch (const store::postgres::Error& error) {
    return explain(*target, error.what());
  }
  try {
    synapse->lock();
  } catch (const store::postgres::Error& error) {
    return fmt::format("{}: {}; is it Synapse's database, and Synapse stopped?", target->shown(), error.what());
  }
  return std::unique_ptr<SynapseDatabase>(std::move(synapse));
}

}  // namespace afterword::transfer
