#include "store/postgres/event_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace afterword::store::postgres {
namespace {

bool is_in_events(const Column& column) { return column.kept != Kept::while_active; }
bool is_in_active(const Column& column) { return column.kept != Kept::with_content; }

ArrayOf array_type(const Column& column) {
  switch (column.type) {
    case ColumnType::id:
      return ArrayOf::uuids;
    case ColumnType::bytes:
      return ArrayOf::bytes;
    case ColumnType::integer:
      return ArrayOf::integers;
    case ColumnType::boolean:
      return ArrayOf::booleans;
  }
  throw std::logic_error("no such type");
}

std::string_view type_name(const Column& column) {
  switch (column.type) {
    case ColumnType::id:
      return "uuid";
    case ColumnType::bytes:
      return "bytea";
    case ColumnType::integer:
      return "int8";
    case ColumnType::boolean:
      return "bool";
  }
  throw std::logic_error("no such type");
}

using IsIn = bool (*)(const Column&);

std::vector<Array> arrays_of(IsIn is_in) {
  std::vector<Array> arrays;
  for (const Column& column : event_columns) {
    if (is_in(column)) arrays.emplace_back(array_type(column));
  }
  return arrays;
}

std::string names_of(IsIn is_in) {
  return join_columns([&](const Column& column) { return is_in(column) ? std::string(column.name) : std::string(); });
}

std::string parameters_of(IsIn is_in) {
  return join_columns([&, number = 0](const Column& column) mutable {
    return is_in(column) ? fmt::format("${}::{}[]", ++number, type_name(column)) : std::string();
  });
}

}  // namespace

std::string_view all_columns() {
  static const std::string columns = join_columns([](const Column& column) {
    if (column.kept == Kept::while_active) return fmt::format("a.{}", column.name);
    if (column.kept == Kept::changing) return fmt::format("coalesce(a.{0}, e.{0}) AS {0}", column.name);
    return fmt::format("e.{}", column.name);
  });
  return columns;
}

EventArrays::EventArrays() : events_(arrays_of(is_in_events)), active_(arrays_of(is_in_active)) {}

void EventArrays::add(const EventToWrite& event) {
  const bool active = !domain::is_finalised(event.state);
  auto in_events = events_.begin();
  auto in_active = active_.begin();
  for_each_value(event, [&](int column, const auto& value) {
    const Column& kept = event_columns.at(static_cast<std::size_t>(column));
    if (is_in_active(kept)) {
      if (active) in_active->add(value);
      ++in_active;
    }
    if (!is_in_events(kept)) return;
    if (active && column == place("state")) {
      in_events->add(std::int64_t{0});
    } else {
      in_events->add(value);
    }
    ++in_events;
  });
}

void EventArrays::send(Connection& connection, InstanceId owner) const {
  static const Statement insert_events{
      "insert_events", fmt::format("INSERT INTO events ({}) SELECT * FROM unnest({})", names_of(is_in_events),
                                   parameters_of(is_in_events))};
  static const auto columns = arrays_of(is_in_active).size();
  static const Statement insert_active{"insert_active",
                                       fmt::format("INSERT INTO active ({}, owner) SELECT *, ${}::int8 FROM unnest({})",
                                                   names_of(is_in_active), columns + 1, parameters_of(is_in_active))};
  Parameters events;
  for (const Array& array : events_) events.add(array);
  connection.send(insert_events, events);
  Parameters active;
  for (const Array& array : active_) active.add(array);
  active.add(owner);
  connection.send(insert_active, active);
}

void mark_to_prune(Connection& connection, std::vector<std::string> users) {
  static const Statement mark{"mark_users",
                              "INSERT INTO users_to_prune (user_id) SELECT user_id FROM unnest($1::bytea[]) AS user_id"
                              " ON CONFLICT DO NOTHING"};
  // In the order of their keys, as all that is locked.
  std::sort(users.begin(), users.end());
  connection.send(mark, Parameters(array_of(ArrayOf::bytes, users)));
}

}  // namespace afterword::store::postgres
