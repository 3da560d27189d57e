#include "store/testing/memory_store.h"

#include "store/list_page.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

namespace afterword::store::testing {
namespace {

using domain::DelayedEvent;
using domain::State;

bool is_active(const DelayedEvent& event) { return !domain::is_finalised(event.state); }

domain::Standing standing_of(const DelayedEvent& event) { return {event.state, event.timing}; }

ActionResult met(const domain::Decision& decision) { return {decision.effect, decision.after.timing}; }

void finalise_event(DelayedEvent& event, domain::Finalised finalised) {
  event.state = domain::state_of(finalised.outcome);
  event.attempt.reset();
  event.finalised = std::move(finalised);
}

bool fits(const DelayedEvent& event, const ListQuery& query) {
  const Timestamp due = event.timing.due();
  const State shown = event.state == State::sending ? State::scheduled : event.state;
  const auto position = std::tie(due, event.delay_id);
  if (query.after) {
    const auto after = std::tie(query.after->due, query.after->delay_id);
    if (query.direction == Direction::forwards ? position <= after : position >= after) return false;
  }
  return (!query.from_ts || due >= *query.from_ts) && (!query.to_ts || due <= *query.to_ts) &&
         (!query.room_id || *query.room_id == event.event->room_id) &&
         (!query.type || *query.type == event.event->type) &&
         (query.states.empty() || std::find(query.states.begin(), query.states.end(), shown) != query.states.end());
}

void cut_for_operator(ListPage& page, std::uint32_t limit) {
  page.more = page.events.size() > limit;
  if (page.more) page.events.resize(limit);
  for (DelayedEvent& event : page.events) {
    auto without_content = std::make_shared<domain::EventToSend>(*event.event);
    without_content->content.clear();
    event.event = std::move(without_content);
  }
}

}  // namespace

MemoryStore::MemoryStore(MemoryDatabase& database) : database_(database) { register_instance(); }

void MemoryStore::register_instance() {
  instance_ = ++database_.last_instance_;
  renew_lease();
}

void MemoryStore::renew_lease() {
  const auto now = database_.now_();
  database_.leases_[instance_].until = now + database_.options_.lease;
  send_until_ = now + database_.options_.lease - database_.options_.margin;
}

bool MemoryStore::holds_lease() const {
  const auto& lease = database_.leases_.at(instance_);
  return !lease.ended && database_.now_() < lease.until;
}

Task<void> MemoryStore::keep_lease(async::Clock& clock) {
  const auto cancellation = co_await async::asio::this_coro::cancellation_state;
  while (!closed_ && cancellation.cancelled() == async::asio::cancellation_type::none) {
    if (database_.has_ended(instance_)) {
      register_instance();
    } else {
      renew_lease();
    }
    co_await clock.sleep_for(database_.options_.renewed_every);
  }
}

MemoryStore::Row* MemoryStore::find(const DelayId& delay_id, const std::optional<UserId>& caller) {
  const auto found = database_.rows_.find(delay_id);
  if (found == database_.rows_.end()) return nullptr;
  Row& row = found->second;
  return domain::may_act(caller, row.event.event->user_id.value) ? &row : nullptr;
}

Task<StoreResult<ServerTime>> MemoryStore::save_time(MachineTime machine) {
  ServerTime time{database_.now_() - machine.since_boot, {}};
  time.measure_offset(machine);
  co_return time;
}

Task<StoreResult<std::optional<DelayId>>> MemoryStore::find_transaction(const domain::TransactionKey& transaction) {
  if (closed_) co_return Unavailable{"the store is closed"};
  const auto found = database_.transactions_.find(transaction);
  if (found == database_.transactions_.end()) co_return std::nullopt;
  co_return std::optional(found->second);
}

Task<StoreResult<ScheduleAnswer>> MemoryStore::schedule(const domain::NewDelayedEvent& event,
                                                        std::optional<std::uint32_t> max_scheduled) {
  if (closed_) co_return Unavailable{"the store is closed"};
  if (event.transaction) {
    const auto known = database_.transactions_.find(*event.transaction);
    if (known != database_.transactions_.end()) {
      const Scheduled first{known->second, false};
      co_return ScheduleAnswer(first);
    }
  }
  std::uint32_t scheduled = 0;
  Timestamp next_send = Timestamp::max();
  for (const auto& [delay_id, row] : database_.rows_) {
    if (!is_active(row.event) || row.event.event->user_id != event.event.user_id) continue;
    ++scheduled;
    next_send = std::min(next_send, row.event.timing.due());
  }
  if (max_scheduled && scheduled >= *max_scheduled) {
    const TooManyScheduled too_many{next_send};
    co_return ScheduleAnswer(too_many);
  }
  DelayedEvent kept;
  kept.delay_id = event.delay_id;
  kept.event = std::make_shared<const domain::EventToSend>(event.event);
  kept.timing = event.timing;
  // Without a lease the timer is nobody's: whoever adopts next takes it.
  const auto owner = holds_lease() ? instance_ : MemoryDatabase::nobody;
  database_.rows_[event.delay_id] = Row{std::move(kept), event.transaction, owner};
  if (event.transaction) database_.transactions_[*event.transaction] = event.delay_id;
  const Scheduled created{event.delay_id, true};
  co_return ScheduleAnswer(created);
}

Task<StoreResult<ActionAnswer>> MemoryStore::restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now) {
  if (closed_) co_return Unavailable{"the store is closed"};
  Row* row = find(delay_id, caller);
  if (row == nullptr) co_return ActionAnswer(NotFound{});
  const auto decision = domain::decide_restart(standing_of(row->event), now);
  if (decision.performs()) row->event.timing = decision.after.timing;
  co_return ActionAnswer(met(decision));
}

Task<StoreResult<ActionAnswer>> MemoryStore::cancel(DelayId delay_id, std::optional<UserId> caller, Timestamp now) {
  if (closed_) co_return Unavailable{"the store is closed"};
  Row* row = find(delay_id, caller);
  if (row == nullptr) co_return ActionAnswer(NotFound{});
  const auto decision = domain::decide_cancel(standing_of(row->event));
  const domain::Finalised cancelled{now, domain::Cancelled{}};
  if (decision.performs()) finalise_event(row->event, cancelled);
  co_return ActionAnswer(met(decision));
}

Task<StoreResult<std::uint64_t>> MemoryStore::cancel_all(UserId user_id, Timestamp now) {
  if (closed_) co_return Unavailable{"the store is closed"};
  std::uint64_t cancelled = 0;
  for (auto& [delay_id, row] : database_.rows_) {
    if (row.event.event->user_id != user_id || !domain::decide_cancel(standing_of(row.event)).performs()) continue;
    const domain::Finalised finalised{now, domain::Cancelled{}};
    finalise_event(row.event, finalised);
    ++cancelled;
  }
  co_return cancelled;
}

// Another instance has one for this room that was due before, or is sending it.
bool MemoryStore::is_behind(const Row& row) const {
  const DelayedEvent& event = row.event;
  const domain::RoomPosition own{event.timing.due(), event.delay_id};
  return std::any_of(database_.rows_.begin(), database_.rows_.end(), [&](const auto& entry) {
    const Row& other = entry.second;
    const bool others = other.owner != instance_ || (other.event.state == State::sending && other.sender != instance_);
    if (!others || !is_active(other.event) || other.event.event->room_id != event.event->room_id) return false;
    const domain::RoomPosition others_own{other.event.timing.due(), other.event.delay_id};
    return domain::goes_before(others_own, own, database_.now_());
  });
}

Task<StoreResult<ClaimAnswer>> MemoryStore::claim(DelayId delay_id, std::optional<UserId> caller,
                                                  domain::Attempt attempt, Timestamp now) {
  if (closed_) co_return Unavailable{"the store is closed"};
  Row* row = find(delay_id, caller);
  if (row == nullptr) co_return ClaimAnswer(NotFound{});
  const auto decision = domain::decide_claim(standing_of(row->event), attempt, now);
  if (!decision.performs()) co_return ClaimAnswer(met(decision));
  if (!attempt.on_request && is_behind(*row)) co_return ClaimAnswer(Behind{});
  if (!holds_lease()) co_return Unavailable{"the lease was lost"};
  row->event.state = decision.after.state;
  row->event.attempt = attempt;
  row->sender = instance_;
  // One that sends on request leaves the timer where it is: it is needed again if the homeserver refuses.
  if (!attempt.on_request) row->owner = instance_;
  attempts_[delay_id] = instance_;
  co_return ClaimAnswer(row->event);
}

Task<StoreResult<void>> MemoryStore::release(DelayId delay_id) {
  if (closed_) co_return Unavailable{"the store is closed"};
  Row* row = find(delay_id, std::nullopt);
  if (row == nullptr) co_return StoreResult<void>();
  const auto decision = domain::decide_release(standing_of(row->event), row->sender == instance_);
  if (decision.performs()) {
    row->event.state = decision.after.state;
    row->event.attempt.reset();
    row->sender = MemoryDatabase::nobody;
  }
  co_return StoreResult<void>();
}

Task<StoreResult<void>> MemoryStore::finalise(DelayId delay_id, domain::Finalised finalised) {
  if (closed_) co_return Unavailable{"the store is closed"};
  Row* row = find(delay_id, std::nullopt);
  if (row == nullptr) co_return StoreResult<void>();
  const bool is_sender = row->sender == instance_;
  const auto decision = domain::decide_finalise(standing_of(row->event), is_sender, finalised.outcome);
  if (decision.performs()) finalise_event(row->event, std::move(finalised));
  co_return StoreResult<void>();
}

Task<StoreResult<std::vector<ActiveEvent>>> MemoryStore::find_active(std::vector<DelayId> delay_ids) {
  if (closed_) co_return Unavailable{"the store is closed"};
  std::vector<ActiveEvent> found;
  for (const DelayId& delay_id : delay_ids) {
    const Row* row = find(delay_id, std::nullopt);
    if (row == nullptr || !is_active(row->event)) continue;
    const bool is_sender = row->event.state == State::sending && row->sender == instance_;
    if (row->owner != instance_ && !is_sender) continue;
    found.push_back(
        {delay_id, row->event.state, row->event.timing, row->event.event->room_id, row->event.event->user_id});
  }
  co_return found;
}

Task<StoreResult<std::vector<Adopted>>> MemoryStore::adopt() {
  if (closed_) co_return Unavailable{"the store is closed"};
  std::vector<Adopted> adopted;
  if (!holds_lease()) co_return adopted;
  for (auto& [instance, lease] : database_.leases_) {
    if (lease.until <= database_.now_()) lease.ended = true;
  }
  for (auto& [delay_id, row] : database_.rows_) {
    if (adopted.size() == database_.options_.adopted_at_once) break;
    const bool sending = row.event.state == State::sending;
    const bool owner_has_ended = database_.has_ended(row.owner);
    if (!domain::may_adopt(row.event.state, owner_has_ended, database_.has_ended(row.sender))) continue;
    row.owner = instance_;
    row.sender = sending ? instance_ : MemoryDatabase::nobody;
    if (sending) attempts_[delay_id] = instance_;
    adopted.push_back({delay_id, row.event.state, row.event.timing.due()});
  }
  co_return adopted;
}

bool MemoryStore::may_send(const DelayId& delay_id) const {
  const auto found = attempts_.find(delay_id);
  return !closed_ && found != attempts_.end() && found->second == instance_ && database_.now_() < send_until_;
}

Task<StoreResult<std::optional<DelayedEvent>>> MemoryStore::look_up(DelayId delay_id, std::optional<UserId> caller) {
  if (closed_) co_return Unavailable{"the store is closed"};
  const Row* row = find(delay_id, caller);
  if (row == nullptr) co_return std::nullopt;
  co_return std::optional(row->event);
}

Task<StoreResult<ListPage>> MemoryStore::list(UserId user_id, ListQuery query) {
  if (closed_) co_return Unavailable{"the store is closed"};
  std::vector<DelayedEvent> events;
  for (const auto& [delay_id, row] : database_.rows_) {
    if (row.event.event->user_id == user_id && fits(row.event, query)) events.push_back(row.event);
  }
  std::sort(events.begin(), events.end(), [&](const DelayedEvent& left, const DelayedEvent& right) {
    const ListPosition a{left.timing.due(), left.delay_id};
    const ListPosition b{right.timing.due(), right.delay_id};
    const bool before = std::tie(a.due, a.delay_id) < std::tie(b.due, b.delay_id);
    return query.direction == Direction::forwards ? before : !before && left.delay_id != right.delay_id;
  });
  co_return to_page(std::move(events), PageLength(query));
}

Task<StoreResult<std::vector<SentEvent>>> MemoryStore::find_sent(UserId user_id,
                                                                 std::vector<domain::EventId> event_ids) {
  if (closed_) co_return Unavailable{"the store is closed"};
  std::vector<SentEvent> found;
  for (const auto& event_id : event_ids) {
    for (const auto& [delay_id, row] : database_.rows_) {
      if (row.event.event->user_id != user_id || row.event.state != State::sent) continue;
      if (std::get<domain::EventId>(row.event.finalised->outcome) == event_id) found.push_back({event_id, delay_id});
    }
  }
  co_return found;
}

Task<StoreResult<std::vector<SentEvent>>> MemoryStore::list_sent(UserId user_id, std::uint32_t limit) {
  if (closed_) co_return Unavailable{"the store is closed"};
  std::vector<SentEvent> sent;
  for (const auto& [delay_id, row] : database_.rows_) {
    if (sent.size() == limit) break;
    if (row.event.event->user_id != user_id || row.event.state != State::sent) continue;
    sent.push_back({std::get<domain::EventId>(row.event.finalised->outcome), delay_id});
  }
  co_return sent;
}

Task<StoreResult<std::vector<OutcomePosition>>> MemoryStore::list_outcomes(UserId user_id, Timestamp from,
                                                                           std::uint32_t limit) {
  if (closed_) co_return Unavailable{"the store is closed"};
  std::vector<OutcomePosition> found;
  for (const auto& [delay_id, row] : database_.rows_) {
    const bool has_outcome = row.event.state == State::sent || row.event.state == State::failed;
    if (row.event.event->user_id != user_id || !has_outcome || row.event.finalised->finalised_ts < from) continue;
    found.push_back({row.event.finalised->finalised_ts, delay_id});
  }
  std::ranges::sort(found, std::ranges::greater(), [](const OutcomePosition& position) {
    return std::pair(position.finalised_ts, position.delay_id);
  });
  if (found.size() > limit) found.resize(limit);
  co_return found;
}

void MemoryStore::forget(const DelayId& delay_id) {
  const auto row = database_.rows_.find(delay_id);
  if (row->second.transaction) database_.transactions_.erase(*row->second.transaction);
  database_.rows_.erase(row);
}

Task<StoreResult<bool>> MemoryStore::prune(domain::Retention retention, Timestamp now) {
  if (closed_) co_return Unavailable{"the store is closed"};
  using Age = std::pair<Timestamp, DelayId>;
  std::map<UserId, std::vector<Age>> finalised;
  for (const auto& [delay_id, row] : database_.rows_) {
    if (row.event.finalised)
      finalised[row.event.event->user_id].emplace_back(row.event.finalised->finalised_ts, delay_id);
  }
  for (auto& [user_id, ages] : finalised) {
    std::sort(ages.begin(), ages.end());
    std::size_t too_many = 0;
    if (retention.max_per_user && ages.size() > *retention.max_per_user)
      too_many = ages.size() - *retention.max_per_user;
    for (std::size_t i = 0; i < ages.size(); ++i) {
      const bool too_old = retention.max_age && ages[i].first < now - *retention.max_age;
      if (i < too_many || too_old) forget(ages[i].second);
    }
  }
  co_return false;
}

Task<StoreResult<ListPage>> MemoryStore::list_room(domain::RoomId room_id, std::optional<ListPosition> after,
                                                   std::uint32_t limit) {
  if (closed_) co_return Unavailable{"the store is closed"};
  const auto position_of = [](const DelayedEvent& event) { return std::pair(event.timing.due(), event.delay_id); };
  ListPage page;
  for (const auto& [delay_id, row] : database_.rows_) {
    if (row.event.event->room_id != room_id || !is_active(row.event)) continue;
    if (after && position_of(row.event) <= std::pair(after->due, after->delay_id)) continue;
    page.events.push_back(row.event);
  }
  std::ranges::sort(page.events, {}, position_of);
  cut_for_operator(page, limit);
  co_return page;
}

Task<StoreResult<ListPage>> MemoryStore::list_failed(std::optional<OutcomePosition> after, std::uint32_t limit) {
  if (closed_) co_return Unavailable{"the store is closed"};
  const auto position_of = [](const DelayedEvent& event) {
    return std::pair(event.finalised->finalised_ts, event.delay_id);
  };
  ListPage page;
  for (const auto& [delay_id, row] : database_.rows_) {
    if (row.event.state != State::failed) continue;
    if (after && position_of(row.event) >= std::pair(after->finalised_ts, after->delay_id)) continue;
    page.events.push_back(row.event);
  }
  std::ranges::sort(page.events, std::ranges::greater(), position_of);
  cut_for_operator(page, limit);
  co_return page;
}

Task<StoreResult<void>> MemoryStore::try_to_write() {
  if (closed_) co_return Unavailable{"the store is closed"};
  co_return StoreResult<void>();
}

Task<void> MemoryStore::close() {
  closed_ = true;
  database_.leases_.at(instance_).ended = true;
  co_return;
}

}  // namespace afterword::store::testing
