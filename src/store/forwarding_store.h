// Stores that pass every verb on to another one: the bases of those that change something of it. A verb that is added
// is passed on here, and concerns only those that have something to say about it.
//
// The other store must outlive it. Thread and errors: as the other's.
#pragma once

#include "store/store.h"

#include <optional>
#include <utility>
#include <vector>

namespace afterword::store {

// The base of those that do the same around every verb. `Self` has a template around(const char* verb, Task<T>
// performing), which answers in place of the verb.
template <class Self>
class StoreDecorator : public Store {
 public:
  explicit StoreDecorator(Store& store) : store_(store) {}

  Task<StoreResult<ServerTime>> save_time(MachineTime machine) override {
    return around("save_time", store_.save_time(std::move(machine)));
  }
  Task<StoreResult<std::optional<DelayId>>> find_transaction(const domain::TransactionKey& transaction) override {
    return around("find_transaction", store_.find_transaction(transaction));
  }
  Task<StoreResult<ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                             std::optional<std::uint32_t> max_scheduled) override {
    return around("schedule", store_.schedule(event, max_scheduled));
  }
  Task<StoreResult<ActionAnswer>> restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override {
    return around("restart", store_.restart(delay_id, std::move(caller), now));
  }
  Task<StoreResult<ActionAnswer>> cancel(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override {
    return around("cancel", store_.cancel(delay_id, std::move(caller), now));
  }
  Task<StoreResult<std::uint64_t>> cancel_all(UserId user_id, Timestamp now) override {
    return around("cancel_all", store_.cancel_all(std::move(user_id), now));
  }
  Task<StoreResult<ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                       Timestamp now) override {
    return around("claim", store_.claim(delay_id, std::move(caller), attempt, now));
  }
  Task<StoreResult<void>> release(DelayId delay_id) override { return around("release", store_.release(delay_id)); }
  Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) override {
    return around("finalise", store_.finalise(delay_id, std::move(finalised)));
  }
  Task<StoreResult<std::vector<ActiveEvent>>> find_active(std::vector<DelayId> delay_ids) override {
    return around("find_active", store_.find_active(std::move(delay_ids)));
  }
  Task<StoreResult<std::vector<Adopted>>> adopt() override { return around("adopt", store_.adopt()); }
  bool may_send(const DelayId& delay_id) const override { return store_.may_send(delay_id); }
  Task<StoreResult<std::optional<domain::DelayedEvent>>> look_up(DelayId delay_id,
                                                                 std::optional<UserId> caller) override {
    return around("look_up", store_.look_up(delay_id, std::move(caller)));
  }
  Task<StoreResult<ListPage>> list(UserId user_id, ListQuery query) override {
    return around("list", store_.list(std::move(user_id), std::move(query)));
  }
  Task<StoreResult<std::vector<SentEvent>>> find_sent(UserId user_id, std::vector<domain::EventId> event_ids) override {
    return around("find_sent", store_.find_sent(std::move(user_id), std::move(event_ids)));
  }
  Task<StoreResult<std::vector<SentEvent>>> list_sent(UserId user_id, std::uint32_t limit) override {
    return around("list_sent", store_.list_sent(std::move(user_id), limit));
  }
  Task<StoreResult<std::vector<OutcomePosition>>> list_outcomes(UserId user_id, Timestamp from,
                                                                std::uint32_t limit) override {
    return around("list_outcomes", store_.list_outcomes(std::move(user_id), from, limit));
  }
  Task<StoreResult<bool>> prune(domain::Retention retention, Timestamp now) override {
    return around("prune", store_.prune(retention, now));
  }
  Task<StoreResult<ListPage>> list_room(domain::RoomId room_id, std::optional<ListPosition> after,
                                        std::uint32_t limit) override {
    return around("list_room", store_.list_room(std::move(room_id), after, limit));
  }
  Task<StoreResult<ListPage>> list_failed(std::optional<OutcomePosition> after, std::uint32_t limit) override {
    return around("list_failed", store_.list_failed(after, limit));
  }
  Task<StoreResult<void>> try_to_write() override { return around("try_to_write", store_.try_to_write()); }
  Figures figures() const override { return store_.figures(); }
  Task<void> close() override { return store_.close(); }

 private:
  template <class T>
  Task<T> around(const char* verb, Task<T> performing) {
    return static_cast<Self&>(*this).around(verb, std::move(performing));
  }

  Store& store_;
};

// The base of those that override some verbs.
class ForwardingStore : public StoreDecorator<ForwardingStore> {
 public:
  using StoreDecorator::StoreDecorator;

  template <class T>
  static Task<T> around(const char*, Task<T> performing) {
    return performing;
  }
};

}  // namespace afterword::store
