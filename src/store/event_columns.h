// The columns of a delayed event, once for all backends: their names, how an event is read from them, and what is
// written into them. A column that is added is a row of `event_columns`, a line of read_event() and one of
// for_each_value(), and a migration of each backend.
//
// Pure. Where a stored value is none that Afterword writes, the row throws, and the exception leaves these functions.
#pragma once

#include "base/overloaded.h"
#include "domain/decisions.h"
#include "domain/delayed_event.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace afterword::store {

enum class ColumnType : std::uint8_t { id, bytes, integer, boolean };

// Where a backend that keeps active events apart has a column. (SQLite has all in one table.)
enum class Kept : std::uint8_t {
  with_content,  // it never changes, or only at the end
  in_both,       // it never changes, and active events are found by it
  changing,      // of an active event, the truth is beside it
  while_active,
};

struct Column {
  std::string_view name;
  ColumnType type;
  Kept kept = Kept::with_content;
};

inline constexpr std::array event_columns{
    Column{"delay_id", ColumnType::id, Kept::in_both},
    Column{"transaction_key", ColumnType::bytes},
    Column{"user_id", ColumnType::bytes, Kept::in_both},
    Column{"device_id", ColumnType::bytes},
    Column{"room_id", ColumnType::bytes, Kept::in_both},
    Column{"kind", ColumnType::integer},
    Column{"type", ColumnType::bytes},
    Column{"state_key", ColumnType::bytes},
    Column{"redacts", ColumnType::bytes},
    Column{"content", ColumnType::bytes},
    Column{"sticky_duration_ms", ColumnType::integer},
    Column{"origin_server_ts", ColumnType::integer},
    Column{"delayed_since_ts", ColumnType::integer, Kept::changing},
    Column{"delay_ms", ColumnType::integer, Kept::in_both},
    Column{"state", ColumnType::integer, Kept::changing},
    Column{"attempt_ts", ColumnType::integer, Kept::while_active},
    Column{"attempt_on_request", ColumnType::boolean, Kept::while_active},
    Column{"finalised_ts", ColumnType::integer},
    Column{"event_id", ColumnType::bytes},
    Column{"error_status", ColumnType::integer},
    Column{"error_body", ColumnType::bytes},
};

// Where a column stands in that list. One that is not there does not compile.
consteval int place(std::string_view name) {
  for (std::size_t i = 0; i < event_columns.size(); ++i) {
    if (event_columns[i].name == name) return static_cast<int>(i);
  }
  throw std::logic_error("no such column");
}

// What `to_text` makes of each column, with commas between; nothing leaves a column out.
template <class ToText>  // (const Column&) -> std::string
std::string join_columns(ToText to_text) {
  std::string all;
  for (const Column& column : event_columns) {
    const std::string text = to_text(column);
    if (text.empty()) continue;
    if (!all.empty()) all += ", ";
    all += text;
  }
  return all;
}

// How an event ended, as it is stored. Nothing of an event that has not.
struct OutcomeColumns {
  std::optional<Timestamp> finalised_ts;
  std::optional<std::string_view> event_id;
  std::optional<std::int64_t> error_status;
  std::optional<std::string_view> error_body;
};

// They refer to `finalised`.
inline OutcomeColumns to_columns(const domain::Finalised& finalised) {
  OutcomeColumns columns{finalised.finalised_ts, {}, {}, {}};
  std::visit(Overloaded{[&](const domain::EventId& event_id) { columns.event_id = event_id.value; },
                        [&](const domain::HomeserverError& error) {
                          columns.error_status = error.status;
                          columns.error_body = error.body;
                        },
                        [](const domain::Cancelled&) {}},
             finalised.outcome);
  return columns;
}

// `Row`: a row of event_columns, in their order, each read by its place.
template <class Row>
domain::Outcome read_outcome(const Row& row, domain::State state) {
  switch (state) {
    case domain::State::sent:
      return domain::EventId(row.text(place("event_id")));
    case domain::State::failed:
      return domain::HomeserverError{static_cast<int>(row.integer(place("error_status"))),
                                     row.text(place("error_body"))};
    case domain::State::cancelled:
      return domain::Cancelled{};
    case domain::State::scheduled:
    case domain::State::sending:
      break;
  }
  throw std::logic_error("an event that is not finalised has no outcome");
}

template <class Row>
domain::DelayedEvent read_event(const Row& row) {
  domain::DelayedEvent read;
  read.delay_id = row.delay_id(place("delay_id"));
  const auto to_send = std::make_shared<domain::EventToSend>();
  domain::EventToSend& event = *to_send;
  event.user_id = domain::UserId(row.text(place("user_id")));
  if (!row.is_null(place("device_id"))) event.device_id = domain::DeviceId(row.text(place("device_id")));
  event.room_id = domain::RoomId(row.text(place("room_id")));
  event.kind = row.enumerator(place("kind"), domain::EventKind::redaction);
  event.type = row.text(place("type"));
  event.state_key = row.text(place("state_key"));
  event.redacts = domain::EventId(row.text(place("redacts")));
  event.content = row.text(place("content"));
  if (!row.is_null(place("sticky_duration_ms"))) {
    event.sticky_duration = row.milliseconds(place("sticky_duration_ms"));
  }
  if (!row.is_null(place("origin_server_ts"))) event.origin_server_ts = row.wall_time(place("origin_server_ts"));
  read.event = to_send;
  read.timing = {row.timestamp(place("delayed_since_ts")), row.milliseconds(place("delay_ms"))};
  read.state = row.enumerator(place("state"), domain::last_state);
  if (read.state == domain::State::sending) {
    read.attempt = domain::Attempt{row.wall_time(place("attempt_ts")), row.boolean(place("attempt_on_request"))};
  }
  if (domain::is_finalised(read.state)) {
    read.finalised = domain::Finalised{row.timestamp(place("finalised_ts")), read_outcome(row, read.state)};
  }
  return read;
}

// `column`: where the row has it.
template <class Row>
std::optional<domain::TransactionKey> read_transaction(const Row& row, int column = place("transaction_key")) {
  if (row.is_null(column)) return std::nullopt;
  const auto bytes = row.bytes(column);
  domain::TransactionKey key;
  std::copy_n(bytes.begin(), std::min(bytes.size(), key.digest.size()), key.digest.begin());
  return key;
}

// An event to be written. It refers to its parts.
struct EventToWrite {
  const domain::DelayId& delay_id;
  const std::optional<domain::TransactionKey>& transaction;
  const domain::EventToSend& event;
  const domain::Timing& timing;
  domain::State state = domain::State::scheduled;
  std::optional<domain::Attempt> attempt = std::nullopt;
  OutcomeColumns outcome = {};
};

inline EventToWrite to_write(const domain::NewDelayedEvent& event) {
  return {event.delay_id, event.transaction, event.event, event.timing};
}
inline EventToWrite to_write(const domain::DelayedEvent& event,
                             const std::optional<domain::TransactionKey>& transaction) {
  return {event.delay_id,
          transaction,
          *event.event,
          event.timing,
          event.state,
          event.attempt,
          event.finalised ? to_columns(*event.finalised) : OutcomeColumns()};
}

// The value of each column.
template <class Visit>  // (int place, const T& value)
void for_each_value(const EventToWrite& to_write, Visit visit) {
  const domain::EventToSend& event = to_write.event;
  const auto& attempt = to_write.attempt;
  visit(place("delay_id"), to_write.delay_id);
  visit(place("transaction_key"), to_write.transaction);
  visit(place("user_id"), event.user_id);
  visit(place("device_id"), event.device_id);
  visit(place("room_id"), event.room_id);
  visit(place("kind"), static_cast<std::int64_t>(event.kind));
  visit(place("type"), std::string_view(event.type));
  visit(place("state_key"), std::string_view(event.state_key));
  visit(place("redacts"), event.redacts);
  visit(place("content"), std::string_view(event.content));
  visit(place("sticky_duration_ms"), event.sticky_duration);
  visit(place("origin_server_ts"), event.origin_server_ts);
  visit(place("delayed_since_ts"), to_write.timing.delayed_since);
  visit(place("delay_ms"), to_write.timing.delay);
  visit(place("state"), static_cast<std::int64_t>(to_write.state));
  visit(place("attempt_ts"), attempt ? std::optional(attempt->origin_server_ts) : std::nullopt);
  visit(place("attempt_on_request"), attempt ? std::optional(attempt->on_request) : std::nullopt);
  visit(place("finalised_ts"), to_write.outcome.finalised_ts);
  visit(place("event_id"), to_write.outcome.event_id);
  visit(place("error_status"), to_write.outcome.error_status);
  visit(place("error_body"), to_write.outcome.error_body);
}

}  // namespace afterword::store
