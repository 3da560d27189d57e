#include "store/postgres/queries.h"

#include "store/list_page.h"
#include "store/postgres/event_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace afterword::store::postgres {
namespace {

using domain::State;

// What one prune may take.
constexpr std::int64_t pruned_rows = 200;
constexpr std::int64_t pruned_users = 10;

// `order` is ASC or DESC, `beyond` the comparison that leads on in that order.
std::string select_page(std::string_view order, std::string_view beyond) {
  const auto fits = [&](std::string_view due, std::string_view of) {
    return fmt::format(
        "{1}user_id = $1::bytea AND {0} BETWEEN $2::int8 AND $3::int8"
        " AND ({0}, {1}delay_id) {2} ($4::int8, $5::uuid) AND ($6::bytea IS NULL OR {1}room_id = $6)",
        due, of, beyond);
  };
  // What gives the order of active events is in the smaller table, so the events are read as they are shown, and no
  // more of them. To its owner an event is scheduled until it has an outcome.
  const auto active = fmt::format(
      "(SELECT {0}, a.due FROM (SELECT *, delayed_since_ts + delay_ms AS due FROM active"
      " WHERE {2} AND $8::int8 & 3 <> 0 ORDER BY due {1}, delay_id {1}) AS a"
      " JOIN events AS e ON e.delay_id = a.delay_id WHERE $7::bytea IS NULL OR e.type = $7"
      " ORDER BY a.due {1}, a.delay_id {1} LIMIT $9::int8)",
      all_columns(), order, fits("delayed_since_ts + delay_ms", ""));
  // No active event is in its state's index, so the left join finds nothing, for the columns' sake.
  constexpr std::string_view due = "(e.delayed_since_ts + e.delay_ms)";
  const auto finalised = fmt::format(
      "(SELECT {0}, {2} AS due FROM events AS e LEFT JOIN active AS a ON false WHERE {3}"
      " AND ($7::bytea IS NULL OR e.type = $7) AND e.state >= 2 AND (1 << e.state) & $8::int8 <> 0"
      " ORDER BY {2} {1}, e.delay_id {1} LIMIT $9::int8)",
      all_columns(), order, due, fits(due, "e."));
  // As far as the page goes and one beyond, which begins where all but the event before it have not filled the page.
  return fmt::format(
      "SELECT * FROM (SELECT *, sum(octet_length(content) + coalesce(octet_length(error_body), 0))"
      " OVER (ORDER BY due {0}, delay_id {0} ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS bytes_before"
      " FROM ({1} UNION ALL {2}) AS both_sides) AS page"
      " WHERE coalesce(bytes_before, 0) < $10::int8 ORDER BY due {0}, delay_id {0} LIMIT $9::int8",
      order, active, finalised);
}

// For whoever operates the server.
std::string columns_without_content() {
  std::string columns(all_columns());
  constexpr std::string_view content = "e.content";
  columns.replace(columns.find(content), content.size(), "''::bytea AS content");
  return columns;
}

std::vector<domain::DelayedEvent> read_events(const Rows& rows) {
  std::vector<domain::DelayedEvent> events;
  events.reserve(static_cast<std::size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) events.push_back(read_event(rows.at(i)));
  return events;
}

// One beyond the page shows whether there is more.
ListPage read_page(const Rows& rows, std::uint32_t limit) {
  ListPage page{read_events(rows)};
  page.more = page.events.size() > limit;
  if (page.more) page.events.resize(limit);
  return page;
}

std::int64_t states_asked_for(const ListQuery& query) {
  if (query.states.empty()) return -1;
  std::int64_t bits = 0;
  for (const auto state : query.states) bits |= std::int64_t{1} << static_cast<int>(state);
  return bits;
}

std::vector<SentEvent> read_sent(const Rows& rows) {
  std::vector<SentEvent> sent;
  sent.reserve(static_cast<std::size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) sent.push_back({domain::EventId(rows.text(i, 0)), rows.delay_id(i, 1)});
  return sent;
}

}  // namespace

Question<std::optional<DelayId>> find_transaction(const domain::TransactionKey& transaction) {
  static const Statement find{"find_transaction", "SELECT delay_id FROM events WHERE transaction_key = $1::bytea"};
  return {find, Parameters(transaction), [](const Rows& rows) -> std::optional<DelayId> {
            if (rows.empty()) return std::nullopt;
            return rows.delay_id(0, 0);
          }};
}

Question<std::vector<ActiveEvent>> find_active(const std::vector<DelayId>& delay_ids, InstanceId instance) {
  static const Statement look{
      "look",
      "SELECT a.delay_id, a.state, a.delayed_since_ts, a.delay_ms, a.room_id, a.user_id"
      " FROM unnest($1::uuid[]) WITH ORDINALITY AS w (delay_id, place) JOIN active AS a ON a.delay_id = w.delay_id"
      " WHERE a.owner = $2::int8 OR (a.state = 1 AND a.sender = $2::int8) ORDER BY w.place"};
  return {look, Parameters(array_of(ArrayOf::uuids, delay_ids), instance), [](const Rows& rows) {
            std::vector<ActiveEvent> found;
            found.reserve(static_cast<std::size_t>(rows.size()));
            for (int i = 0; i < rows.size(); ++i) {
              found.push_back({rows.delay_id(i, 0),
                               rows.enumerator(i, 1, State::sending),
                               {rows.timestamp(i, 2), rows.milliseconds(i, 3)},
                               domain::RoomId(rows.text(i, 4)),
                               UserId(rows.text(i, 5))});
            }
            return found;
          }};
}

Question<ListPage> list_room(const domain::RoomId& room_id, const std::optional<ListPosition>& after,
                             std::uint32_t limit) {
  static const Statement page{"list_room",
                              fmt::format("SELECT {} FROM (SELECT *, delayed_since_ts + delay_ms AS due FROM active"
                                          " WHERE room_id = $1::bytea"
                                          " AND (delayed_since_ts + delay_ms, delay_id) > ($2::int8, $3::uuid)"
                                          " ORDER BY due, delay_id LIMIT $4::int8) AS a"
                                          " JOIN events AS e ON e.delay_id = a.delay_id ORDER BY a.due, a.delay_id",
                                          columns_without_content())};
  // No event is due then.
  const auto from = after.value_or(ListPosition{Timestamp::min(), {}});
  return {page, Parameters(room_id, from.due, from.delay_id, std::int64_t{limit} + 1),
          [limit](const Rows& rows) { return read_page(rows, limit); }};
}

Question<ListPage> list_failed(const std::optional<OutcomePosition>& after, std::uint32_t limit) {
  static const Statement page{"list_failed",
                              fmt::format("SELECT {} FROM events AS e LEFT JOIN active AS a ON false"
                                          " WHERE e.state = 3 AND (e.finalised_ts, e.delay_id) < ($1::int8, $2::uuid)"
                                          " ORDER BY e.finalised_ts DESC, e.delay_id DESC LIMIT $3::int8",
                                          columns_without_content())};
  const auto before = after.value_or(OutcomePosition{Timestamp::max(), {}});
  return {page, Parameters(before.finalised_ts, before.delay_id, std::int64_t{limit} + 1),
          [limit](const Rows& rows) { return read_page(rows, limit); }};
}

Question<std::optional<domain::DelayedEvent>> look_up(const DelayId& delay_id, const std::optional<UserId>& caller) {
  static const Statement find{"look_up",
                              fmt::format("SELECT {} FROM events AS e LEFT JOIN active AS a ON a.delay_id = e.delay_id"
                                          " WHERE e.delay_id = $1::uuid AND ($2::bytea IS NULL OR e.user_id = $2)",
                                          all_columns())};
  return {find, Parameters(delay_id, caller), [](const Rows& rows) -> std::optional<domain::DelayedEvent> {
            if (rows.empty()) return std::nullopt;
            return read_event(rows.at(0));
          }};
}

Question<ListPage> list(const UserId& user_id, const ListQuery& query) {
  static const Statement page_forwards{"list_forwards", select_page("ASC", ">")};
  static const Statement page_backwards{"list_backwards", select_page("DESC", "<")};
  const bool forwards = query.direction == Direction::forwards;
  auto from = query.from_ts.value_or(Timestamp::min());
  auto to = query.to_ts.value_or(Timestamp::max());
  // The position is a bound of the range too, which the index is searched with.
  const auto after = query.after.value_or(ListPosition{forwards ? Timestamp::min() : Timestamp::max(), {}});
  if (forwards) from = std::max(from, after.due);
  if (!forwards) to = std::min(to, after.due);
  return {forwards ? page_forwards : page_backwards,
          Parameters(user_id, from, to, after.due, after.delay_id, query.room_id, query.type, states_asked_for(query),
                     std::int64_t{query.limit} + 1, static_cast<std::int64_t>(max_page_bytes)),
          [length = PageLength(query)](const Rows& rows) { return to_page(read_events(rows), length); }};
}

Question<std::vector<SentEvent>> find_sent(const UserId& user_id, const std::vector<domain::EventId>& event_ids) {
  static const Statement find{"find_sent",
                              "SELECT e.event_id, e.delay_id FROM unnest($2::bytea[]) AS w (event_id)"
                              " JOIN events AS e ON e.user_id = $1::bytea AND e.event_id = w.event_id AND e.state = 2"};
  return {find, Parameters(user_id, array_of(ArrayOf::bytes, event_ids)), read_sent};
}

Question<std::vector<SentEvent>> list_sent(const UserId& user_id, std::uint32_t limit) {
  static const Statement list{"list_sent",
                              "SELECT event_id, delay_id FROM events WHERE user_id = $1::bytea AND state = 2"
                              " LIMIT $2::int8"};
  return {list, Parameters(user_id, std::int64_t{limit}), read_sent};
}

Question<std::vector<OutcomePosition>> list_outcomes(const UserId& user_id, Timestamp from, std::uint32_t limit) {
  static const Statement list{"list_outcomes",
                              "SELECT finalised_ts, delay_id FROM events WHERE user_id = $1::bytea AND state >= 2"
                              " AND state <= 3 AND finalised_ts >= $2::int8"
                              " ORDER BY finalised_ts DESC, delay_id DESC LIMIT $3::int8"};
  return {list, Parameters(user_id, from, std::int64_t{limit}), [](const Rows& rows) {
            std::vector<OutcomePosition> found;
            found.reserve(static_cast<std::size_t>(rows.size()));
            for (int i = 0; i < rows.size(); ++i) found.push_back({rows.timestamp(i, 0), rows.delay_id(i, 1)});
            return found;
          }};
}

// By one instance at a time.
bool prune(Connection& connection, const domain::Retention& retention, Timestamp now) {
  static const Statement lock{"lock_prune", "SELECT pg_try_advisory_xact_lock(x'416677720001'::int8)"};
  static const Statement by_age{"prune_by_age",
                                "DELETE FROM events WHERE delay_id = ANY(ARRAY(SELECT delay_id FROM events"
                                " WHERE state >= 2 AND finalised_ts < $1::int8 ORDER BY finalised_ts LIMIT $2::int8))"};
  // Per user, the first event beyond the newest $1 is found along the index once; it and what is older goes.
  static const Statement by_count{
      "prune_by_count",
      "DELETE FROM events WHERE delay_id = ANY(ARRAY(SELECT event.delay_id"
      " FROM (SELECT user_id FROM users_to_prune ORDER BY user_id LIMIT $3::int8) AS marked"
      " CROSS JOIN LATERAL (SELECT finalised_ts, delay_id FROM events"
      "   WHERE user_id = marked.user_id AND state >= 2"
      "   ORDER BY finalised_ts DESC, delay_id DESC LIMIT 1 OFFSET $1::int8) AS edge"
      " JOIN events AS event ON event.user_id = marked.user_id AND event.state >= 2"
      "   AND (event.finalised_ts, event.delay_id) <= (edge.finalised_ts, edge.delay_id) LIMIT $2::int8))"};
  static const Statement unmark{"unmark_users",
                                "DELETE FROM users_to_prune WHERE user_id = ANY(ARRAY("
                                "SELECT user_id FROM users_to_prune ORDER BY user_id LIMIT $1::int8))"};
  connection.send(begin_transaction);
  const auto locked = connection.send(lock);
  if (!connection.run()[locked].boolean(0, 0)) {
    connection.run(commit_transaction);
    return false;
  }
  bool more = false;
  if (retention.max_age) {
    more = connection.run(by_age, Parameters(now - *retention.max_age, pruned_rows)).changed() == pruned_rows;
  }
  if (retention.max_per_user) {
    const std::int64_t kept = *retention.max_per_user;
    if (connection.run(by_count, Parameters(kept, pruned_rows, pruned_users)).changed() == pruned_rows) {
      more = true;
    } else {
      more = connection.run(unmark, Parameters(pruned_users)).changed() == pruned_users || more;
    }
  }
  connection.run(commit_transaction);
  return more;
}

}  // namespace afterword::store::postgres
