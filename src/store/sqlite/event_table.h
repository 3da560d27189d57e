// The table of all delayed events, finalised ones included: their rows in and out of SQL.
//
// An active event is found in ActiveEvents, and read here by its row. Its delayed_since is written when it is scheduled
// and when it is finalised; in between, the truth is in ActiveEvents, and what is read here may be older.
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

  // These find finalised events alone.
  std::optional<domain::DelayId> find_transaction(const domain::TransactionKey& transaction);
  // What a verb asks of one.
  struct Summary {
    UserId user_id;
    domain::State state;
    domain::Timing timing;
  };
  std::optional<Summary> summary(const domain::DelayId& delay_id);

  std::optional<domain::DelayedEvent> read_finalised(const domain::DelayId& delay_id);

  // One that is there.
  domain::DelayedEvent read(std::int64_t row);
  domain::DelayedEvent read_without_content(std::int64_t row);

  // The latest first, up to `limit`, without their contents.
  std::vector<domain::DelayedEvent> failed(const std::optional<OutcomePosition>& after, std::int64_t limit);

  // Adds all that are active, in the order of their rows.
  void load(ActiveEvents& active);

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
  static domain::DelayedEvent read_active(Statement& statement, std::int64_t row);

  Database& database_;
  Statement insert_;
  Statement find_transaction_;
  Statement summary_;
  Statement read_finalised_;
  Statement read_row_;
  Statement read_row_without_content_;
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
