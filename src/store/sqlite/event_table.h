// The table of all delayed events, finalised ones included: their rows in and out of SQL.
//
// The delayed_since of an active event is written when it is scheduled and when it is finalised; in between, the truth
// is in ActiveEvents, and what is read here may be older.
// Thread: the committing one, within a transaction.
#pragma once

#include "domain/limits.h"
#include "store/event_columns.h"
#include "store/sqlite/active_events.h"
#include "store/sqlite/database.h"
#include "store/store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace afterword::store::sqlite {

// For a SELECT whose rows read_event() reads.
std::string all_columns();

class EventTable {
 public:
  explicit EventTable(Database& database);

  std::int64_t insert(const EventToWrite& event);  // answers its row

  std::optional<domain::DelayId> find_transaction(const domain::TransactionKey& transaction);

  // What a verb asks of an event that is not active.
  struct Summary {
    UserId user_id;
    domain::State state;
    domain::Timing timing;
  };
  std::optional<Summary> summary(const domain::DelayId& delay_id);

  std::optional<domain::DelayedEvent> read(const domain::DelayId& delay_id);
  domain::DelayedEvent read(std::int64_t row);  // one that is there

  // The latest first, up to `limit`, without their contents; and so is what read_without_content() reads.
  std::vector<domain::DelayedEvent> failed(const std::optional<OutcomePosition>& after, std::int64_t limit);
  std::optional<domain::DelayedEvent> read_without_content(const domain::DelayId& delay_id);

  // Adds all that are active.
  void load(ActiveEvents& active);
  std::vector<domain::DelayId> active_of(const UserId& user_id);
  std::vector<domain::DelayId> active_of(const domain::RoomId& room_id);

  // The finalised events that the query asks for, in its order, as far as a page goes and one beyond.
  std::vector<domain::DelayedEvent> finalised_of(const UserId& user_id, const ListQuery& query);

  std::optional<domain::DelayId> find_sent(const UserId& user_id, const domain::EventId& event_id);
  std::vector<SentEvent> list_sent(const UserId& user_id, std::uint32_t limit);
  std::vector<OutcomePosition> outcomes_of(const UserId& user_id, Timestamp from, std::uint32_t limit);

  void set_sending(std::int64_t row, const domain::Attempt& attempt);
  void set_scheduled(std::int64_t row);
  void set_finalised(std::int64_t row, const UserId& user_id, Timestamp delayed_since,
                     const domain::Finalised& finalised);

  // A bounded number of finalised events beyond the retention; answers whether there may be more.
  bool prune(const domain::Retention& retention, Timestamp now);

 private:
  Database& database_;
  Statement insert_;
  Statement find_transaction_;
  Statement summary_;
  Statement read_;
  Statement read_row_;
  Statement read_without_content_;
  Statement active_of_;
  Statement active_of_room_;
  Statement failed_;
  Statement finalised_forwards_;
  Statement finalised_backwards_;
  Statement find_sent_;
  Statement list_sent_;
  Statement outcomes_of_;
  Statement set_sending_;
  Statement set_scheduled_;
  Statement set_finalised_;
  Statement mark_user_;
  Statement prune_by_age_;
  Statement prune_by_count_;
  Statement unmark_users_;
};

}  // namespace afterword::store::sqlite
