// A store in memory that several instances share: leases, adoption and the fence as store.h describes them, without a
// database. For tests and the simulator.
//
// A MemoryDatabase outlives the stores that are opened on it; each store is one instance. Every verb is one step that
// does not wait. An instance holds its lease from when it was opened until close(), or until it has not renewed it for
// `lease` of the database's time: keep_lease() renews it and must run where that matters; `now` is the database's time.
// A lease that is over ends when another instance adopts; who finds its own ended registers as a new one when it
// renews.
#pragma once

#include "async/clock.h"
#include "store/store.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace afterword::store::testing {

class MemoryDatabase {
 public:
  struct Options {
    std::chrono::milliseconds lease{10'000};
    std::chrono::milliseconds margin{2'000};  // an instance stops sending this long before its lease ends
    std::chrono::milliseconds renewed_every{2'000};
    std::size_t adopted_at_once = 2;
  };
  using Now = std::function<Timestamp()>;  // server time, for all instances

  explicit MemoryDatabase(Now now) : MemoryDatabase(std::move(now), Options{}) {}
  MemoryDatabase(Now now, Options options) : now_(std::move(now)), options_(options) {}

 private:
  friend class MemoryStore;
  using Instance = std::uint64_t;
  struct Row {
    domain::DelayedEvent event;
    std::optional<domain::TransactionKey> transaction;
    Instance owner = 0;   // which has its timer
    Instance sender = 0;  // while sending: whose attempt it is
  };

  struct Lease {
    Timestamp until;
    bool ended = false;  // others may take over what it had; it cannot come back
  };
  static constexpr Instance nobody = 0;

  bool has_ended(Instance instance) const { return instance == nobody || leases_.at(instance).ended; }

  const Now now_;
  const Options options_;
  std::map<DelayId, Row> rows_;
  std::map<domain::TransactionKey, DelayId> transactions_;
  std::map<Instance, Lease> leases_;
  Instance last_instance_ = nobody;
};

class MemoryStore : public Store {
 public:
  explicit MemoryStore(MemoryDatabase& database);

  // Until the task is cancelled or destroyed.
  Task<void> keep_lease(async::Clock& clock);

  Task<StoreResult<ServerTime>> save_time(MachineTime machine) override;
  Task<StoreResult<std::optional<DelayId>>> find_transaction(const domain::TransactionKey& transaction) override;
  Task<StoreResult<ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                             std::optional<std::uint32_t> max_scheduled) override;
  Task<StoreResult<ActionAnswer>> restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override;
  Task<StoreResult<ActionAnswer>> cancel(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override;
  Task<StoreResult<std::uint64_t>> cancel_all(UserId user_id, Timestamp now) override;
  Task<StoreResult<ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                       Timestamp now) override;
  Task<StoreResult<void>> release(DelayId delay_id) override;
  Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) override;
  Task<StoreResult<std::vector<ActiveEvent>>> find_active(std::vector<DelayId> delay_ids) override;
  Task<StoreResult<std::vector<Adopted>>> adopt() override;
  bool may_send(const DelayId& delay_id) const override;
  Task<StoreResult<std::optional<domain::DelayedEvent>>> look_up(DelayId delay_id,
                                                                 std::optional<UserId> caller) override;
  Task<StoreResult<ListPage>> list(UserId user_id, ListQuery query) override;
  Task<StoreResult<std::vector<SentEvent>>> find_sent(UserId user_id, std::vector<domain::EventId> event_ids) override;
  Task<StoreResult<std::vector<SentEvent>>> list_sent(UserId user_id, std::uint32_t limit) override;
  Task<StoreResult<std::vector<OutcomePosition>>> list_outcomes(UserId user_id, Timestamp from,
                                                                std::uint32_t limit) override;
  Task<StoreResult<bool>> prune(domain::Retention retention, Timestamp now) override;
  Task<StoreResult<ListPage>> list_room(domain::RoomId room_id, std::optional<ListPosition> after,
                                        std::uint32_t limit) override;
  Task<StoreResult<ListPage>> list_failed(std::optional<OutcomePosition> after, std::uint32_t limit) override;
  Task<StoreResult<void>> try_to_write() override;
  Figures figures() const override { return {}; }
  Task<void> close() override;

 private:
  using Row = MemoryDatabase::Row;

  void register_instance();
  void renew_lease();
  bool holds_lease() const;
  Row* find(const DelayId& delay_id, const std::optional<UserId>& caller);
  bool is_behind(const Row& row) const;
  void forget(const DelayId& delay_id);

  MemoryDatabase& database_;
  MemoryDatabase::Instance instance_ = 0;
  Timestamp send_until_;
  std::map<DelayId, MemoryDatabase::Instance> attempts_;  // claimed or adopted, as which instance
  bool closed_ = false;
};

}  // namespace afterword::store::testing
