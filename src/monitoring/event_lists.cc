#include "monitoring/event_lists.h"

#include "base/read_number.h"
#include "base/server_time.h"
#include "delivery/unsettled.h"
#include "monitoring/shown_event.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace afterword::monitoring {
namespace {

using api::to_response;
using async::Task;
using domain::DelayId;

constexpr std::uint32_t events_of_a_page = 50;
constexpr std::uint32_t max_events_of_a_page = 100;
// Of those that may be due next. Clients that are there restart theirs all the time, so a timer says little.
constexpr std::size_t max_timers_looked_at = 2000;
constexpr std::size_t timers_at_once = 200;

std::optional<std::uint32_t> read_limit(const http::Target& target) {
  const auto text = target.parameter("limit");
  if (!text) return events_of_a_page;
  const auto limit = read_number<std::uint32_t>(*text);
  return limit && *limit >= 1 && *limit <= max_events_of_a_page ? limit : std::nullopt;
}

http::Response invalid_limit() { return to_response(api::invalid_parameter("limit", "a number from 1 to 100")); }

// Where a page ends, and the next one begins.
using Position = std::pair<Timestamp, DelayId>;

std::string cursor(const EventHandles& handles, Timestamp when, const DelayId& delay_id) {
  return std::to_string(to_ms(when)) + "_" + handles.handle_of(delay_id);
}

// Where an earlier page ended, if one is named.
Result<std::optional<Position>, http::Response> read_from(const EventHandles& handles, const http::Target& target) {
  const auto text = target.parameter("from");
  if (!text) return std::optional<Position>();
  const std::string_view cursor = *text;
  const std::size_t middle = std::min(cursor.find('_'), cursor.size());
  const auto when = read_number<std::int64_t>(cursor.substr(0, middle));
  const auto delay_id = handles.find(cursor.substr(std::min(middle + 1, cursor.size())));
  if (!when || !delay_id) return to_response(api::invalid_parameter("from", "the next_batch of an earlier page"));
  return std::optional<Position>(std::in_place, from_ms(*when), *delay_id);
}

json::object shown(const OperatorParts& parts, const domain::DelayedEvent& event) {
  return shown_event(event, parts.handles, parts.context.clock.wall_offset());
}

// `more`: there are others, whether or not a page can begin at them.
json::object page(const OperatorParts& parts, json::array events, bool more) {
  json::object shown;
  shown["now_ts"] = to_ms(to_wall(parts.context.clock.now(), parts.context.clock.wall_offset()));
  shown["events"] = std::move(events);
  shown["more"] = more;
  return shown;
}

json::object page_before(const OperatorParts& parts, std::string_view next_batch, json::array events) {
  json::object shown = page(parts, std::move(events), true);
  shown["next_batch"] = next_batch;
  return shown;
}

// `time_of`: by which they are in order.
json::object page_of(const OperatorParts& parts, const store::ListPage& found,
                     Timestamp (*time_of)(const domain::DelayedEvent&)) {
  json::array events;
  for (const domain::DelayedEvent& event : found.events) events.push_back(shown(parts, event));
  if (!found.more) return page(parts, std::move(events), false);
  const domain::DelayedEvent& last = found.events.back();
  return page_before(parts, cursor(parts.handles, time_of(last), last.delay_id), std::move(events));
}

Task<OperatorAnswer> list_unsettled(OperatorParts& parts, const OperatorRequest& request,
                                    delivery::UnsettledKind kind) {
  const auto limit = read_limit(request.target);
  if (!limit) co_return invalid_limit();
  std::vector<delivery::Unsettled> found = parts.context.delivery.unsettled(kind, std::size_t{*limit} + 1);
  const bool more = found.size() > *limit;
  if (more) found.resize(*limit);
  json::array events;
  for (const delivery::Unsettled& unsettled : found) {
    const auto event = co_await parts.context.store.look_up(unsettled.delay_id, std::nullopt);
    if (!event) co_return to_response(api::store_unavailable());
    if (!*event || domain::is_finalised((*event)->state)) continue;  // meanwhile
    json::object shown_one = shown(parts, **event);
    if (!unsettled.reason.empty()) shown_one["reason"] = unsettled.reason;
    if (unsettled.answer) shown_one["answer"] = shown_error(*unsettled.answer);
    events.push_back(std::move(shown_one));
  }
  co_return page(parts, std::move(events), more);
}

}  // namespace

// A timer is at its event's due time or before, so what is due by the next timer is known when all before it are.
Task<OperatorAnswer> list_due(OperatorParts& parts, const OperatorRequest& request) {
  const auto limit = read_limit(request.target);
  if (!limit) co_return invalid_limit();
  const std::vector<delivery::Timer> timers = parts.context.delivery.first_timers(max_timers_looked_at + 1);
  std::set<Position> found;
  std::size_t looked_at = 0;
  while (looked_at < std::min(timers.size(), max_timers_looked_at)) {
    if (found.size() >= *limit && std::next(found.begin(), *limit - 1)->first <= timers[looked_at].when) break;
    const std::size_t end = std::min({looked_at + timers_at_once, timers.size(), max_timers_looked_at});
    std::vector<DelayId> ids;
    for (; looked_at < end; ++looked_at) ids.push_back(timers[looked_at].delay_id);
    const auto active = co_await parts.context.store.find_active(std::move(ids));
    if (!active) co_return to_response(api::store_unavailable());
    for (const store::ActiveEvent& event : *active) found.emplace(event.timing.due(), event.delay_id);
  }

  const Timestamp known_until = looked_at < timers.size() ? timers[looked_at].when : Timestamp::max();
  json::array events;
  bool more = looked_at < timers.size();
  for (const auto& [when, delay_id] : found) {
    more = more || events.size() == *limit;
    if (when > known_until || events.size() == *limit) break;
    const auto event = co_await parts.context.store.look_up(delay_id, std::nullopt);
    if (!event) co_return to_response(api::store_unavailable());
    if (*event && !domain::is_finalised((*event)->state)) events.push_back(shown(parts, **event));
  }
  co_return page(parts, std::move(events), more);
}

Task<OperatorAnswer> list_late(OperatorParts& parts, const OperatorRequest& request) {
  return list_unsettled(parts, request, delivery::UnsettledKind::late);
}

Task<OperatorAnswer> list_in_doubt(OperatorParts& parts, const OperatorRequest& request) {
  return list_unsettled(parts, request, delivery::UnsettledKind::in_doubt);
}

Task<OperatorAnswer> list_aside(OperatorParts& parts, const OperatorRequest& request) {
  return list_unsettled(parts, request, delivery::UnsettledKind::aside);
}

Task<OperatorAnswer> list_failed(OperatorParts& parts, const OperatorRequest& request) {
  const auto limit = read_limit(request.target);
  if (!limit) co_return invalid_limit();
  const auto from = read_from(parts.handles, request.target);
  if (!from) co_return from.error();
  std::optional<store::OutcomePosition> after;
  if (*from) after = store::OutcomePosition{(*from)->first, (*from)->second};
  const auto found = co_await parts.context.store.list_failed(after, *limit);
  if (!found) co_return to_response(api::store_unavailable());
  co_return page_of(parts, *found, [](const domain::DelayedEvent& event) { return event.finalised->finalised_ts; });
}

Task<OperatorAnswer> list_of_user(OperatorParts& parts, const OperatorRequest& request) {
  const auto limit = read_limit(request.target);
  if (!limit) co_return invalid_limit();
  const auto from = read_from(parts.handles, request.target);
  if (!from) co_return from.error();
  auto text = request.target.parameter("user_id");
  if (!text) co_return to_response(api::missing_parameter("user_id"));
  const auto user_id = read_user_id(std::move(text));
  if (!user_id) co_return user_id.error();

  store::ListQuery query;
  query.direction = store::Direction::backwards;
  if (*from) query.after = store::ListPosition{(*from)->first, (*from)->second};
  json::array events;
  bool more = true;
  while (more && events.size() < *limit) {
    query.limit = *limit - static_cast<std::uint32_t>(events.size());
    const auto found = co_await parts.context.store.list(*user_id, query);
    if (!found) co_return to_response(api::store_unavailable());
    for (const domain::DelayedEvent& event : found->events) {
      events.push_back(shown(parts, event));
      query.after = store::ListPosition{event.timing.due(), event.delay_id};
    }
    more = found->more;
  }
  if (!more) co_return page(parts, std::move(events), false);
  co_return page_before(parts, cursor(parts.handles, query.after->due, query.after->delay_id), std::move(events));
}

Task<OperatorAnswer> list_of_room(OperatorParts& parts, const OperatorRequest& request) {
  const auto limit = read_limit(request.target);
  if (!limit) co_return invalid_limit();
  const auto from = read_from(parts.handles, request.target);
  if (!from) co_return from.error();
  auto text = request.target.parameter("room_id");
  if (!text) co_return to_response(api::missing_parameter("room_id"));
  const auto room_id = read_room_id(std::move(text));
  if (!room_id) co_return room_id.error();

  std::optional<store::ListPosition> after;
  if (*from) after = store::ListPosition{(*from)->first, (*from)->second};
  const auto found = co_await parts.context.store.list_room(*room_id, after, *limit);
  if (!found) co_return to_response(api::store_unavailable());
  co_return page_of(parts, *found, [](const domain::DelayedEvent& event) { return event.timing.due(); });
}

}  // namespace afterword::monitoring
