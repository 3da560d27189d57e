#include "store/sqlite/event_table.h"

#include "store/list_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace afterword::store::sqlite {
namespace {

using domain::DelayedEvent;
using domain::DelayId;
using domain::State;

// What one prune may take: few enough that nobody who shares its commit waits long.
constexpr int pruned_rows = 200;
constexpr int pruned_users = 10;

// What the SQL here and in schema.cc relies on: active states are below 2, which is `sent`.
static_assert(static_cast<int>(State::scheduled) == 0 && static_cast<int>(State::sending) == 1 &&
              static_cast<int>(State::sent) == 2 && static_cast<int>(State::failed) == 3);

std::string select_event(std::string_view condition) {
  return fmt::format("SELECT {} FROM events WHERE {}", all_columns(), condition);
}

std::string select_without_content(std::string_view condition) {
  const std::string columns = join_columns(
      [](const Column& column) { return column.name == "content" ? std::string("''") : std::string(column.name); });
  return fmt::format("SELECT {} FROM events WHERE {}", columns, condition);
}

// `order` is ASC or DESC, `beyond` the comparison that leads on in that order.
std::string select_finalised(std::string_view order, std::string_view beyond) {
  return select_event(
      fmt::format("user_id = ?1 AND state >= 2 AND due_ts BETWEEN ?2 AND ?3 AND (due_ts, delay_id) {1} (?4, ?5)"
                  " AND (?6 IS NULL OR room_id = ?6) AND (?7 IS NULL OR type = ?7) AND (1 << state) & ?8 <> 0"
                  " ORDER BY due_ts {0}, delay_id {0} LIMIT ?9",
                  order, beyond));
}

std::int64_t states_asked_for(const ListQuery& query) {
  if (query.states.empty()) return -1;
  std::int64_t bits = 0;
  for (const auto state : query.states) bits |= std::int64_t{1} << static_cast<int>(state);
  return bits;
}

}  // namespace

EventTable::EventTable(Database& database)
    : database_(database),
      insert_(database, fmt::format("INSERT INTO events ({}) VALUES ({})", all_columns(),
                                    join_columns([](const Column&) { return std::string("?"); }))),
      find_transaction_(database, "SELECT delay_id FROM events WHERE transaction_key = ? AND state >= 2"),
      summary_(database,
               "SELECT user_id, state, delayed_since_ts, delay_ms FROM events WHERE delay_id = ? AND state >= 2"),
      read_finalised_(database, select_event("delay_id = ? AND state >= 2")),
      read_row_(database, select_event("id = ?")),
      read_row_without_content_(database, select_without_content("id = ?")),
      failed_(database, select_without_content("state = 3 AND (finalised_ts, delay_id) < (?, ?)"
                                               " ORDER BY finalised_ts DESC, delay_id DESC LIMIT ?")),
      finalised_forwards_(database, select_finalised("ASC", ">")),
      finalised_backwards_(database, select_finalised("DESC", "<")),
      find_sent_(database, "SELECT delay_id FROM events WHERE user_id = ? AND event_id = ? AND state = 2"),
      list_sent_(database, "SELECT event_id, delay_id FROM events WHERE user_id = ? AND state = 2 LIMIT ?"),
      outcomes_of_(database,
                   "SELECT finalised_ts, delay_id FROM events WHERE user_id = ? AND state >= 2 AND state <= 3"
                   " AND finalised_ts >= ? ORDER BY finalised_ts DESC, id DESC LIMIT ?"),
      set_sending_(database, "UPDATE events SET state = 1, attempt_ts = ?, attempt_on_request = ? WHERE id = ?"),
      set_scheduled_(database,
                     "UPDATE events SET state = 0, attempt_ts = NULL, attempt_on_request = NULL WHERE id = ?"),
      set_finalised_(database,
                     "UPDATE events SET state = ?, delayed_since_ts = ?, attempt_ts = NULL, attempt_on_request = NULL,"
                     " finalised_ts = ?, event_id = ?, error_status = ?, error_body = ? WHERE id = ?"),
      mark_user_(database, "INSERT OR IGNORE INTO users_to_prune (user_id) VALUES (?)"),
      prune_by_age_(database,
                    "DELETE FROM events WHERE id IN"
                    " (SELECT id FROM events WHERE state >= 2 AND finalised_ts < ? ORDER BY finalised_ts LIMIT ?)"),
      // Per user, the first event beyond the newest ?1 is found along the index once; it and what is older goes.
      prune_by_count_(database,
                      "WITH marked AS MATERIALIZED (SELECT (SELECT id FROM events"
                      " WHERE user_id = users_to_prune.user_id AND state >= 2"
                      " ORDER BY finalised_ts DESC, id DESC LIMIT 1 OFFSET ?1) AS edge"
                      " FROM users_to_prune ORDER BY user_id LIMIT ?3)"
                      " DELETE FROM events WHERE id IN (SELECT event.id FROM marked"
                      " CROSS JOIN events AS edge ON edge.id = marked.edge"
                      " CROSS JOIN events AS event ON event.user_id = edge.user_id AND event.state >= 2"
                      " AND (event.finalised_ts, event.id) <= (edge.finalised_ts, edge.id) LIMIT ?2)"),
      unmark_users_(database,
                    "DELETE FROM users_to_prune WHERE user_id IN"
                    " (SELECT user_id FROM users_to_prune ORDER BY user_id LIMIT ?)") {}

std::string all_columns() {
  return join_columns([](const Column& column) { return std::string(column.name); });
}

std::int64_t EventTable::insert(const EventToWrite& event) {
  insert_.run_given([&](const auto& bind) { for_each_value(event, bind); });
  return database_.last_inserted_id();
}

std::optional<DelayId> EventTable::find_transaction(const domain::TransactionKey& transaction) {
  Rows rows = find_transaction_.query(Blob(transaction.digest));
  if (!rows.next()) return std::nullopt;
  return rows.delay_id(0);
}

std::optional<EventTable::Summary> EventTable::summary(const DelayId& delay_id) {
  Rows rows = summary_.query(Blob(delay_id.bytes()));
  if (!rows.next()) return std::nullopt;
  const domain::Timing timing{rows.timestamp(2), rows.milliseconds(3)};
  return Summary{UserId(rows.text(0)), rows.enumerator(1, domain::last_state), timing};
}

std::optional<DelayedEvent> EventTable::read_finalised(const DelayId& delay_id) {
  Rows rows = read_finalised_.query(Blob(delay_id.bytes()));
  if (!rows.next()) return std::nullopt;
  return read_event(rows);
}

DelayedEvent EventTable::read(std::int64_t row) { return read_active(read_row_, row); }

DelayedEvent EventTable::read_without_content(std::int64_t row) { return read_active(read_row_without_content_, row); }

DelayedEvent EventTable::read_active(Statement& statement, std::int64_t row) {
  Rows rows = statement.query(row);
  if (!rows.next()) throw Error::damage("the row of an active event is gone");
  return read_event(rows);
}

std::vector<DelayedEvent> EventTable::failed(const std::optional<OutcomePosition>& after, std::int64_t limit) {
  const auto before = after.value_or(OutcomePosition{Timestamp::max(), {}});
  std::vector<DelayedEvent> found;
  Rows rows = failed_.query(before.finalised_ts, Blob(before.delay_id.bytes()), limit);
  while (rows.next()) found.push_back(read_event(rows));
  return found;
}

void EventTable::load(ActiveEvents& active) {
  Statement statement(database_,
                      "SELECT id, delay_id, transaction_key, user_id, room_id, state, delayed_since_ts, delay_ms"
                      " FROM events WHERE state <= 1 ORDER BY id");
  Rows rows = statement.query();
  while (rows.next()) {
    const DelayId delay_id = rows.delay_id(1);
    const auto transaction = read_transaction(rows, 2);
    if (active.find(delay_id) || (transaction && active.find(*transaction))) {
      throw Error::damage("two active events have the same delay_id or transaction");
    }
    const domain::Timing timing{rows.timestamp(6), rows.milliseconds(7)};
    const bool sending = rows.enumerator(5, domain::last_state) == State::sending;
    active.add(
        {delay_id, transaction, UserId(rows.text(3)), domain::RoomId(rows.text(4)), rows.integer(0), timing, sending});
    active.keep();
  }
}

std::vector<DelayedEvent> EventTable::finalised_of(const UserId& user_id, const ListQuery& query) {
  const bool forwards = query.direction == Direction::forwards;
  auto from = query.from_ts.value_or(Timestamp::min());
  auto to = query.to_ts.value_or(Timestamp::max());
  // The position is a bound of the range too, which the index is searched with.
  const auto after = query.after.value_or(ListPosition{forwards ? Timestamp::min() : Timestamp::max(), {}});
  if (forwards) from = std::max(from, after.due);
  if (!forwards) to = std::min(to, after.due);
  std::optional<std::string_view> room_id;
  if (query.room_id) room_id = query.room_id->value;

  std::vector<DelayedEvent> found;
  Statement& statement = forwards ? finalised_forwards_ : finalised_backwards_;
  Rows rows = statement.query(user_id.value, from, to, after.due, Blob(after.delay_id.bytes()), room_id, query.type,
                              states_asked_for(query), std::int64_t{query.limit} + 1);
  PageLength length(query);
  while (rows.next()) {
    found.push_back(read_event(rows));
    if (!length.add(found.back())) break;
  }
  return found;
}

std::optional<DelayId> EventTable::find_sent(const UserId& user_id, const domain::EventId& event_id) {
  Rows rows = find_sent_.query(user_id.value, event_id.value);
  if (!rows.next()) return std::nullopt;
  return rows.delay_id(0);
}

std::vector<SentEvent> EventTable::list_sent(const UserId& user_id, std::uint32_t limit) {
  std::vector<SentEvent> sent;
  Rows rows = list_sent_.query(user_id.value, limit);
  while (rows.next()) sent.push_back({domain::EventId(rows.text(0)), rows.delay_id(1)});
  return sent;
}

std::vector<OutcomePosition> EventTable::outcomes_of(const UserId& user_id, Timestamp from, std::uint32_t limit) {
  std::vector<OutcomePosition> found;
  Rows rows = outcomes_of_.query(user_id.value, from, limit);
  while (rows.next()) found.push_back({rows.timestamp(0), rows.delay_id(1)});
  return found;
}

void EventTable::set_sending(std::int64_t row, const domain::Attempt& attempt) {
  set_sending_.run(attempt.origin_server_ts, static_cast<int>(attempt.on_request), row);
}

void EventTable::set_scheduled(std::int64_t row) { set_scheduled_.run(row); }

void EventTable::set_finalised(std::int64_t row, const UserId& user_id, Timestamp delayed_since,
                               const domain::Finalised& finalised) {
  const OutcomeColumns outcome = to_columns(finalised);
  set_finalised_.run(static_cast<int>(domain::state_of(finalised.outcome)), delayed_since, outcome.finalised_ts,
                     outcome.event_id, outcome.error_status, outcome.error_body, row);
  mark_user_.run(user_id.value);
}

bool EventTable::prune(const domain::Retention& retention, Timestamp now) {
  bool more = false;
  if (retention.max_age) {
    prune_by_age_.run(now - *retention.max_age, pruned_rows);
    more = database_.changed_rows() == pruned_rows;
  }
  if (!retention.max_per_user) return more;
  prune_by_count_.run(*retention.max_per_user, pruned_rows, pruned_users);
  if (database_.changed_rows() == pruned_rows) return true;
  unmark_users_.run(pruned_users);
  return more || database_.changed_rows() == pruned_users;
}

}  // namespace afterword::store::sqlite
