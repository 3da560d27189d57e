// A store that passes every verb on to another one: the base of those that change a few. A verb that is added is passed
// on here, and concerns only those that have something to say about it.
//
// The other store must outlive it. Thread and errors: as the other's.
#pragma once

#include "store/store.h"

#include <optional>
#include <utility>
#include <vector>

namespace afterword::store {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(Store& store) : store_(store) {}

  Task<StoreResult<ServerTime>> save_time(MachineTime machine) override { return store_.save_time(std::move(machine)); }
  Task<StoreResult<std::optional<DelayId>>> find_transaction(const domain::TransactionKey& transaction) override {
    return store_.find_transaction(transaction);
  }
  Task<StoreResult<ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                             std::optional<std::uint32_t> max_scheduled) override {
    return store_.schedule(event, max_scheduled);
  }
  Task<StoreResult<ActionAnswer>> restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override {
    return store_.restart(delay_id, std::move(caller), now);
  }
  Task<StoreResult<ActionAnswer>> cancel(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override {
    return store_.cancel(delay_id, std::move(caller), now);
  }
  Task<StoreResult<std::uint64_t>> cancel_all(UserId user_id, Timestamp now) override {
    return store_.cancel_all(std::move(user_id), now);
  }
  Task<StoreResult<ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                       Timestamp now) override {
    return store_.claim(delay_id, std::move(caller), attempt, now);
  }
  Task<StoreResult<void>> release(DelayId delay_id) override { return store_.release(delay_id); }
  Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) override {
    return store_.finalise(delay_id, std::move(finalised));
  }
  Task<StoreResult<std::vector<Look>>> look(std::vector<DelayId> delay_ids) override {
    return store_.look(std::move(delay_ids));
  }
  Task<StoreResult<std::vector<Active>>> adopt() override { return store_.adopt(); }
  bool may_send(const DelayId& delay_id) const override { return store_.may_send(delay_id); }
  Task<StoreResult<std::optional<domain::DelayedEvent>>> look_up(DelayId delay_id,
                                                                 std::optional<UserId> caller) override {
    return store_.look_up(delay_id, std::move(caller));
  }
  Task<StoreResult<ListPage>> list(UserId user_id, ListQuery query) override {
    return store_.list(std::move(user_id), std::move(query));
  }
  Task<StoreResult<bool>> has_sent(UserId user_id) override { return store_.has_sent(std::move(user_id)); }
  Task<StoreResult<std::vector<SentEvent>>> find_sent(UserId user_id, std::vector<domain::EventId> event_ids) override {
    return store_.find_sent(std::move(user_id), std::move(event_ids));
  }
  Task<StoreResult<bool>> prune(domain::Retention retention, Timestamp now) override {
    return store_.prune(retention, now);
  }
  Task<void> close() override { return store_.close(); }

 private:
  Store& store_;
};

}  // namespace afterword::store
