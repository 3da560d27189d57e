// The verbs of the store, performed one after the other within the transaction of a batch.
//
// Each is what store.h says of the verb of its name, without waiting and without its durability: that comes with
// commit(). Errors of SQLite unwind to commit(), which rolls back the batch as a whole.
// Thread: the committing one.
#pragma once

#include "store/commit_log.h"
#include "store/group_commit.h"
#include "store/sqlite/active_events.h"
#include "store/sqlite/database.h"
#include "store/sqlite/event_table.h"
#include "store/sqlite/journal.h"
#include "store/sqlite/listed_events.h"
#include "store/sqlite/time_table.h"
#include "store/store.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace afterword::store::sqlite {

class Engine {
 public:
  // Loads what is active. Throws Error.
  Engine(Database database, Folding folding);

  // One verb of a batch.
  class Step : public Operation {
   public:
    virtual void perform(Engine& engine) = 0;
  };

  // One transaction; answers all steps or fails all. Once the file has shown damage, all are failed without a look at
  // it.
  void commit(std::span<Operation* const> batch);

  // save_time() in two steps: only the second one writes.
  ServerTime server_time(const MachineTime& machine);
  void keep_server_time();
  void try_to_write();
  std::optional<DelayId> find_transaction(const domain::TransactionKey& transaction);
  ScheduleAnswer schedule(const domain::NewDelayedEvent& event, std::optional<std::uint32_t> max_scheduled);
  ActionAnswer restart(const DelayId& delay_id, const std::optional<UserId>& caller, Timestamp now);
  ActionAnswer cancel(const DelayId& delay_id, const std::optional<UserId>& caller, Timestamp now);
  std::uint64_t cancel_all(const UserId& user_id, Timestamp now);
  ClaimAnswer claim(const DelayId& delay_id, const std::optional<UserId>& caller, const domain::Attempt& attempt,
                    Timestamp now);
  void release(const DelayId& delay_id);
  void finalise(const DelayId& delay_id, const domain::Finalised& finalised);
  std::vector<ActiveEvent> find_active(const std::vector<DelayId>& delay_ids);
  // A piece of what is active: so many at most, and where the next begins. No events: there are no more.
  struct AdoptedSome {
    std::vector<Adopted> events;
    ActiveEvents::Place next = 0;
  };
  AdoptedSome adopt(ActiveEvents::Place from, std::uint32_t limit);
  std::optional<domain::DelayedEvent> look_up(const DelayId& delay_id, const std::optional<UserId>& caller);
  ListPage list(const UserId& user_id, const ListQuery& query);
  std::vector<SentEvent> find_sent(const UserId& user_id, const std::vector<domain::EventId>& event_ids);
  std::vector<SentEvent> list_sent(const UserId& user_id, std::uint32_t limit);
  std::vector<OutcomePosition> list_outcomes(const UserId& user_id, Timestamp from, std::uint32_t limit);
  bool prune(const domain::Retention& retention, Timestamp now);
  ListPage list_room(const domain::RoomId& room_id, const std::optional<ListPosition>& after, std::uint32_t limit);
  ListPage list_failed(const std::optional<OutcomePosition>& after, std::uint32_t limit);

  // As of the last commit.
  Figures::Held held() const;
  std::uint64_t failed_commits() const { return failed_commits_; }

 private:
  // An event that a verb is about, as it finds it.
  struct Found {
    std::optional<ActiveEvents::Place> place;  // of an active one
    domain::Standing standing;
  };
  std::optional<Found> find(const DelayId& delay_id, const std::optional<UserId>& caller);
  void finalise_at(ActiveEvents::Place place, const domain::Finalised& finalised);
  void set_sending(ActiveEvents::Place place, bool sending);
  Timestamp next_send_of(const UserId& user_id);
  std::optional<domain::DelayedEvent> read(const DelayId& delay_id);
  domain::DelayedEvent read_active(ActiveEvents::Place place);
  ListedEvents::Events find_active_of(const UserId& user_id);
  ListedEvents::Events& in_order(ListedEvents::Events& events) const;
  domain::DelayedEvent read(ActiveEvents::User user, ListedEvents::Event& listed);
  std::vector<domain::DelayedEvent> list_active(const UserId& user_id, const ListQuery& query);
  void fail(std::span<Operation* const> batch, const std::string& reason);

  Database database_;
  Statement begin_;
  Statement commit_;
  EventTable events_;
  ActiveEvents active_;
  ListedEvents listed_;
  Journal journal_;
  TimeTable time_table_;
  std::optional<KeptTime> time_;  // as it was told last; from then on it is the truth, kept or not
  CommitLog commit_log_;
  std::uint64_t failed_commits_ = 0;
  // What is damaged in the file, if anything is. Then nothing is read or written any more, so that nothing is promised
  // that is not kept.
  std::string damage_;
};

}  // namespace afterword::store::sqlite
