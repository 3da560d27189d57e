#include "sim/stepping_store.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <utility>

namespace afterword::sim {

using namespace std::chrono_literals;
using domain::DelayId;
using domain::UserId;
using store::StoreResult;

Task<void> SteppingStore::pass(std::string_view verb, std::string_view moment) {
  const Step step{verb, moment};
  steps_.pass(node_, step);
  co_await asio::post(node_.executor(), asio::use_awaitable);
  if (faults_.network) {
    const auto time = random_.time(100us, 3ms);
    co_await node_.clock().sleep_until(node_.clock().steady_now() + time);
  }
}

template <class T>
Task<StoreResult<T>> SteppingStore::step(std::string_view verb, Task<StoreResult<T>> performing, WhenLost when_lost) {
  co_await pass(verb, "asked");
  if (faults_.away > 0 && random_.chance(faults_.away)) {
    co_await node_.clock().sleep_for(1s);
    co_return store::Unavailable{"the database is away"};
  }
  auto answer = co_await std::move(performing);
  co_await pass(verb, "performed");
  if (faults_.answer_lost > 0 && random_.chance(faults_.answer_lost)) {
    co_await node_.clock().sleep_for(2s);
    if (when_lost == WhenLost::unavailable) co_return store::Unavailable{"the connection to the database broke"};
  }
  co_return answer;
}

Task<StoreResult<ServerTime>> SteppingStore::save_time(MachineTime machine) {
  return step("save_time", store_.save_time(std::move(machine)));
}

Task<StoreResult<std::optional<DelayId>>> SteppingStore::find_transaction(const domain::TransactionKey& transaction) {
  return step("find_transaction", store_.find_transaction(transaction));
}

Task<StoreResult<store::ScheduleAnswer>> SteppingStore::schedule(const domain::NewDelayedEvent& event,
                                                                 std::optional<std::uint32_t> max_scheduled) {
  return step("schedule", store_.schedule(event, max_scheduled), WhenLost::unavailable);
}

Task<StoreResult<store::ActionAnswer>> SteppingStore::restart(DelayId delay_id, std::optional<UserId> caller,
                                                              Timestamp now) {
  return step("restart", store_.restart(delay_id, std::move(caller), now), WhenLost::unavailable);
}

Task<StoreResult<store::ActionAnswer>> SteppingStore::cancel(DelayId delay_id, std::optional<UserId> caller,
                                                             Timestamp now) {
  return step("cancel", store_.cancel(delay_id, std::move(caller), now), WhenLost::unavailable);
}

Task<StoreResult<std::uint64_t>> SteppingStore::cancel_all(UserId user_id, Timestamp now) {
  return step("cancel_all", store_.cancel_all(std::move(user_id), now));
}

Task<StoreResult<store::ClaimAnswer>> SteppingStore::claim(DelayId delay_id, std::optional<UserId> caller,
                                                           domain::Attempt attempt, Timestamp now) {
  return step("claim", store_.claim(delay_id, std::move(caller), attempt, now));
}

Task<StoreResult<void>> SteppingStore::release(DelayId delay_id) { return step("release", store_.release(delay_id)); }

Task<StoreResult<void>> SteppingStore::finalise(DelayId delay_id, domain::Finalised finalised) {
  return step("finalise", store_.finalise(delay_id, std::move(finalised)));
}

Task<StoreResult<std::vector<store::Look>>> SteppingStore::look(std::vector<DelayId> delay_ids) {
  return step("look", store_.look(std::move(delay_ids)));
}

Task<StoreResult<std::vector<store::Active>>> SteppingStore::adopt() { return step("adopt", store_.adopt()); }

Task<StoreResult<std::optional<domain::DelayedEvent>>> SteppingStore::look_up(DelayId delay_id,
                                                                              std::optional<UserId> caller) {
  return step("look_up", store_.look_up(delay_id, std::move(caller)));
}

Task<StoreResult<store::ListPage>> SteppingStore::list(UserId user_id, store::ListQuery query) {
  return step("list", store_.list(std::move(user_id), std::move(query)));
}

Task<StoreResult<bool>> SteppingStore::has_sent(UserId user_id) {
  return step("has_sent", store_.has_sent(std::move(user_id)));
}

Task<StoreResult<std::vector<store::SentEvent>>> SteppingStore::find_sent(UserId user_id,
                                                                          std::vector<domain::EventId> event_ids) {
  return step("find_sent", store_.find_sent(std::move(user_id), std::move(event_ids)));
}

Task<StoreResult<bool>> SteppingStore::prune(domain::Retention retention, Timestamp now) {
  return step("prune", store_.prune(retention, now));
}

}  // namespace afterword::sim
