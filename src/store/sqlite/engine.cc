#include "store/sqlite/engine.h"

#include "store/list_page.h"
#include "store/sqlite/schema.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <limits>
#include <span>
#include <tuple>
#include <utility>

namespace afterword::store::sqlite {
namespace {

using domain::DelayedEvent;
using domain::State;

// Whether `position` comes before `other` in that direction.
bool before(const ListPosition& position, const ListPosition& other, Direction direction) {
  const auto left = std::tie(position.due, position.delay_id);
  const auto right = std::tie(other.due, other.delay_id);
  return direction == Direction::forwards ? left < right : right < left;
}

ListPosition position_of(const DelayedEvent& event) { return {event.timing.due(), event.delay_id}; }

bool asks_for_active(const ListQuery& query) {
  return query.states.empty() || std::any_of(query.states.begin(), query.states.end(),
                                             [](State state) { return !domain::is_finalised(state); });
}

bool asks_for_finalised(const ListQuery& query) {
  return query.states.empty() || std::any_of(query.states.begin(), query.states.end(), domain::is_finalised);
}

bool in_range(const ListQuery& query, const ListPosition& position) {
  return (!query.from_ts || position.due >= *query.from_ts) && (!query.to_ts || position.due <= *query.to_ts) &&
         (!query.after || before(*query.after, position, query.direction));
}

}  // namespace

Engine::Engine(Database database, Folding folding)
    : database_(std::move(database)),
      begin_(database_, "BEGIN"),
      commit_(database_, "COMMIT"),
      events_(database_),
      journal_(database_, active_, folding),
      time_table_(database_) {
  events_.load(active_);
  journal_.replay();
}

void Engine::commit(std::span<Operation* const> batch) {
  if (!damage_.empty()) return fail(batch, damage_);
  try {
    begin_.run();
    for (Operation* operation : batch) static_cast<Step*>(operation)->perform(*this);
    journal_.write();
    const bool wrote = database_.has_written();
    commit_.run();
    active_.keep();
    journal_.keep();
    if (wrote) commit_log_.note_committed();
  } catch (const Error& error) {
    const std::string reason = explain(database_.path(), error);
    if (error.is_damage()) {
      damage_ = reason;
      database_.leave_alone();
      commit_log_ = {};  // a line of its own
    }
    fail(batch, reason);
  } catch (const std::exception& error) {
    fail(batch, error.what());
  }
}

void Engine::fail(std::span<Operation* const> batch, const std::string& reason) {
  database_.roll_back();
  active_.roll_back();
  journal_.roll_back();
  for (Operation* operation : batch) operation->fail(reason);
  ++failed_commits_;
  commit_log_.note_failed(reason);
}

std::optional<Engine::Found> Engine::find(const DelayId& delay_id, const std::optional<UserId>& caller) {
  if (const auto place = active_.find(delay_id)) {
    const auto& slot = active_.at(*place);
    if (!domain::may_act(caller, active_.user_of(slot))) return std::nullopt;
    return Found{place, {slot.state(), slot.timing()}};
  }
  const auto finalised = events_.summary(delay_id);
  if (!finalised || !domain::may_act(caller, finalised->user_id.value)) return std::nullopt;
  return Found{std::nullopt, {finalised->state, finalised->timing}};
}

void Engine::finalise_at(ActiveEvents::Place place, const domain::Finalised& finalised) {
  const auto slot = active_.at(place);
  events_.set_finalised(slot.row, UserId(active_.user_of(slot)), slot.delayed_since, finalised);
  journal_.forget(slot.row);
  active_.remove(place);
}

void Engine::set_sending(ActiveEvents::Place place, bool sending) {
  auto slot = active_.at(place);
  slot.sending = sending;
  active_.change(place, slot);
}

Timestamp Engine::next_send_of(const UserId& user_id) {
  auto next = Timestamp::max();
  for (const auto place : active_.all_of(user_id)) next = std::min(next, active_.at(place).timing().due());
  return next;
}

ServerTime Engine::server_time(const MachineTime& machine) {
  if (!time_) time_ = time_table_.read(machine.boot_id, active_);
  const ServerTime time = resume(*time_, machine);
  time_ = {machine.boot_id, time, time.at(machine)};
  return time;
}

void Engine::keep_server_time() { time_table_.write(time_.value()); }

void Engine::try_to_write() {
  if (time_) time_table_.write_anew(*time_);
}

Figures::Held Engine::held() const {
  return {active_.size() - active_.sending(), active_.sending(), static_cast<std::uint64_t>(journal_.entries())};
}

std::optional<DelayId> Engine::find_transaction(const domain::TransactionKey& transaction) {
  if (const auto place = active_.find(transaction)) return active_.id_of(*place);
  return events_.find_transaction(transaction);
}

ScheduleAnswer Engine::schedule(const domain::NewDelayedEvent& event, std::optional<std::uint32_t> max_scheduled) {
  if (event.transaction) {
    if (const auto known = find_transaction(*event.transaction)) return Scheduled{*known, false};
  }
  const auto& user_id = event.event.user_id;
  if (max_scheduled && active_.count_of(user_id) >= *max_scheduled) return TooManyScheduled{next_send_of(user_id)};
  const auto row = events_.insert(to_write(event));
  active_.add({event.delay_id, event.transaction, user_id, event.event.room_id, row, event.timing, false});
  return Scheduled{event.delay_id, true};
}

ActionAnswer Engine::restart(const DelayId& delay_id, const std::optional<UserId>& caller, Timestamp now) {
  const auto found = find(delay_id, caller);
  if (!found) return NotFound{};
  const auto decision = domain::decide_restart(found->standing, now);
  if (decision.performs()) journal_.restart(*found->place, decision.after.timing.delayed_since);
  return ActionResult{decision.effect, decision.after.timing};
}

ActionAnswer Engine::cancel(const DelayId& delay_id, const std::optional<UserId>& caller, Timestamp now) {
  const auto found = find(delay_id, caller);
  if (!found) return NotFound{};
  const auto decision = domain::decide_cancel(found->standing);
  if (decision.performs()) finalise_at(*found->place, {now, domain::Cancelled{}});
  return ActionResult{decision.effect, decision.after.timing};
}

std::uint64_t Engine::cancel_all(const UserId& user_id, Timestamp now) {
  std::uint64_t cancelled = 0;
  for (const auto place : active_.all_of(user_id)) {
    if (!domain::decide_cancel(active_.at(place).standing()).performs()) continue;
    finalise_at(place, {now, domain::Cancelled{}});
    ++cancelled;
  }
  return cancelled;
}

ClaimAnswer Engine::claim(const DelayId& delay_id, const std::optional<UserId>& caller, const domain::Attempt& attempt,
                          Timestamp now) {
  const auto found = find(delay_id, caller);
  if (!found) return NotFound{};
  const auto decision = domain::decide_claim(found->standing, attempt, now);
  if (!decision.performs()) return ActionResult{decision.effect, decision.after.timing};
  events_.set_sending(active_.at(*found->place).row, attempt);
  set_sending(*found->place, true);
  return read_active(*found->place);
}

void Engine::release(const DelayId& delay_id) {
  const auto place = active_.find(delay_id);
  if (!place || !domain::decide_release(active_.at(*place).standing(), true).performs()) return;
  events_.set_scheduled(active_.at(*place).row);
  set_sending(*place, false);
}

void Engine::finalise(const DelayId& delay_id, const domain::Finalised& finalised) {
  const auto place = active_.find(delay_id);
  if (!place) return;
  const auto decision = domain::decide_finalise(active_.at(*place).standing(), true, finalised.outcome);
  if (decision.performs()) finalise_at(*place, finalised);
}

std::vector<ActiveEvent> Engine::find_active(const std::vector<DelayId>& delay_ids) {
  std::vector<ActiveEvent> found;
  for (const auto& delay_id : delay_ids) {
    const auto place = active_.find(delay_id);
    if (!place) continue;
    const auto& slot = active_.at(*place);
    found.push_back(
        {delay_id, slot.state(), slot.timing(), domain::RoomId(active_.room_of(slot)), UserId(active_.user_of(slot))});
  }
  return found;
}

Engine::AdoptedSome Engine::adopt(ActiveEvents::Place from, std::uint32_t limit) {
  AdoptedSome some;
  some.next = from;
  for (; some.next < active_.end() && some.events.size() < limit; ++some.next) {
    const auto& slot = active_.at(some.next);
    if (slot.row == 0) continue;
    some.events.push_back({active_.id_of(some.next), slot.state(), slot.timing().due()});
  }
  return some;
}

DelayedEvent Engine::read_active(ActiveEvents::Place place) {
  const auto& slot = active_.at(place);
  auto event = events_.read(slot.row);
  event.timing = slot.timing();
  return event;
}

std::optional<DelayedEvent> Engine::read(const DelayId& delay_id) {
  if (const auto place = active_.find(delay_id)) return read_active(*place);
  return events_.read_finalised(delay_id);
}

std::optional<DelayedEvent> Engine::look_up(const DelayId& delay_id, const std::optional<UserId>& caller) {
  auto event = read(delay_id);
  if (!event || !domain::may_act(caller, event->event->user_id.value)) return std::nullopt;
  return event;
}

ListPage Engine::list(const UserId& user_id, const ListQuery& query) {
  std::vector<DelayedEvent> found;
  if (asks_for_active(query)) found = list_active(user_id, query);
  if (asks_for_finalised(query)) {
    auto finalised = events_.finalised_of(user_id, query);
    const auto middle =
        found.insert(found.end(), std::move_iterator(finalised.begin()), std::move_iterator(finalised.end()));
    std::inplace_merge(found.begin(), middle, found.end(), [&](const DelayedEvent& left, const DelayedEvent& right) {
      return before(position_of(left), position_of(right), query.direction);
    });
  }
  return to_page(std::move(found), PageLength(query));
}

ListedEvents::Events Engine::find_active_of(const UserId& user_id) {
  ListedEvents::Events found;
  found.reserve(active_.count_of(user_id));
  for (const auto place : active_.all_of(user_id)) found.push_back({active_.id_of(place), place});
  return found;
}

DelayedEvent Engine::read(ActiveEvents::User user, ListedEvents::Event& listed) {
  const auto& slot = active_.at(listed.place);
  // What is being sent has its attempt besides.
  if (listed.event && !slot.sending) {
    DelayedEvent event;
    event.delay_id = listed.delay_id;
    event.event = listed.event;
    event.timing = slot.timing();
    return event;
  }
  DelayedEvent event = read_active(listed.place);
  if (!listed.event) listed_.keep(user, listed, *event.event);
  return event;
}

// By (due, delay_id). They are in the order of the last list, and few have been restarted since.
ListedEvents::Events& Engine::in_order(ListedEvents::Events& events) const {
  const auto due_of = [&](const ListedEvents::Event& event) { return active_.at(event.place).timing().due(); };
  const auto earlier = [](const ListedEvents::Event& left, const ListedEvents::Event& right) {
    return std::tie(left.due, left.delay_id) < std::tie(right.due, right.delay_id);
  };
  const auto moved = std::stable_partition(
      events.begin(), events.end(), [&](const ListedEvents::Event& event) { return event.due == due_of(event); });
  for (auto& event : std::span(moved, events.end())) event.due = due_of(event);
  std::sort(moved, events.end(), earlier);
  std::inplace_merge(events.begin(), moved, events.end(), earlier);
  return events;
}

// As far as the page goes and one beyond. Their order is in memory; only the rows of the page are read.
std::vector<DelayedEvent> Engine::list_active(const UserId& user_id, const ListQuery& query) {
  const auto user = active_.find(user_id);
  if (!user) return {};
  auto& listed = in_order(listed_.of(*user, [&] { return find_active_of(user_id); }));
  std::vector<DelayedEvent> found;
  found.reserve(std::min<std::size_t>(listed.size(), query.limit + std::size_t{1}));
  PageLength length(query);
  for (std::size_t i = 0; i < listed.size(); ++i) {
    auto& each = listed[query.direction == Direction::forwards ? i : listed.size() - 1 - i];
    if (!in_range(query, {each.due, each.delay_id})) continue;
    if (query.room_id && query.room_id->value != active_.room_of(active_.at(each.place))) continue;
    auto event = read(*user, each);
    if (query.type && *query.type != event.event->type) continue;
    found.push_back(std::move(event));
    if (!length.add(found.back())) break;
  }
  return found;
}

std::vector<SentEvent> Engine::find_sent(const UserId& user_id, const std::vector<domain::EventId>& event_ids) {
  std::vector<SentEvent> found;
  for (const auto& event_id : event_ids) {
    if (const auto delay_id = events_.find_sent(user_id, event_id)) found.push_back({event_id, *delay_id});
  }
  return found;
}

std::vector<SentEvent> Engine::list_sent(const UserId& user_id, std::uint32_t limit) {
  return events_.list_sent(user_id, limit);
}

std::vector<OutcomePosition> Engine::list_outcomes(const UserId& user_id, Timestamp from, std::uint32_t limit) {
  return events_.outcomes_of(user_id, from, limit);
}

bool Engine::prune(const domain::Retention& retention, Timestamp now) { return events_.prune(retention, now); }

// As list_active().
ListPage Engine::list_room(const domain::RoomId& room_id, const std::optional<ListPosition>& after,
                           std::uint32_t limit) {
  ListQuery query;
  query.after = after;
  using Placed = std::pair<ListPosition, ActiveEvents::Place>;
  std::vector<Placed> found;
  for (const auto place : active_.all_of(room_id)) {
    const ListPosition position{active_.at(place).timing().due(), active_.id_of(place)};
    if (in_range(query, position)) found.emplace_back(position, place);
  }
  std::sort(found.begin(), found.end(), [](const Placed& left, const Placed& right) {
    return before(left.first, right.first, Direction::forwards);
  });
  ListPage page;
  page.more = found.size() > limit;
  if (page.more) found.resize(limit);
  for (const auto& [position, place] : found) {
    const auto& slot = active_.at(place);
    auto event = events_.read_without_content(slot.row);
    event.timing = slot.timing();
    page.events.push_back(std::move(event));
  }
  return page;
}

ListPage Engine::list_failed(const std::optional<OutcomePosition>& after, std::uint32_t limit) {
  ListPage page{events_.failed(after, std::int64_t{limit} + 1)};
  page.more = page.events.size() > limit;
  if (page.more) page.events.resize(limit);
  return page;
}

}  // namespace afterword::store::sqlite
