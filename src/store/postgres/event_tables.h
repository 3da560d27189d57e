// Whole delayed events in and out of the tables `events` and `active`, by the columns of store/event_columns.h.
#pragma once

#include "store/event_columns.h"
#include "store/postgres/connection.h"
#include "store/postgres/lease.h"
#include "store/postgres/parameters.h"

#include <string>
#include <string_view>
#include <vector>

namespace afterword::store::postgres {

// For a SELECT of `events AS e LEFT JOIN active AS a` whose rows read_event() reads.
std::string_view all_columns();

// Events to be inserted, an array a column, so that one statement writes many.
class EventArrays {
 public:
  EventArrays();

  void add(const EventToWrite& event);
  bool empty() const { return events_.front().empty(); }
  // Sends the statements that insert them. Those that are active get `owner` as the instance that has their timer.
  void send(Connection& connection, InstanceId owner) const;

 private:
  std::vector<Array> events_;  // in the order of the columns that the table has
  std::vector<Array> active_;
};

// They may have more finalised events now than are kept of a user.
void mark_to_prune(Connection& connection, std::vector<std::string> users);

}  // namespace afterword::store::postgres
