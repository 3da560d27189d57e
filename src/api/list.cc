#include "api/list.h"

#include "api/delayed_event_json.h"
#include "base/server_time.h"

#include <charconv>

namespace afterword::api {
namespace {

using domain::State;

std::optional<std::int64_t> read_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> read_milliseconds(std::string_view text) {
  const std::optional<std::int64_t> number = read_number(text);
  if (!number || *number < 0 || *number > max_json_integer) return std::nullopt;
  return number;
}

// What a client gives is wall time.
std::optional<Timestamp> read_timestamp(std::string_view text, Milliseconds wall_offset) {
  const std::optional<std::int64_t> number = read_milliseconds(text);
  if (!number) return std::nullopt;
  return from_wall(wall_from_ms(*number), wall_offset);
}

std::optional<State> read_status(std::string_view text) {
  if (text == "scheduled") return State::scheduled;
  if (text == "sent") return State::sent;
  if (text == "cancelled") return State::cancelled;
  if (text == "failed") return State::failed;
  return std::nullopt;
}

store::ListPosition position_of(const domain::DelayedEvent& event) { return {event.timing.due(), event.delay_id}; }

void append(std::string& array, const std::vector<domain::DelayedEvent>& events, WireForm form,
            Milliseconds wall_offset) {
  for (const domain::DelayedEvent& event : events) {
    if (array.back() != '[') array += ',';
    array += to_json(event, form, wall_offset);
  }
}

}  // namespace

std::string to_token(const store::ListPosition& position) {
  return std::to_string(to_ms(position.due)) + "_" + position.delay_id.to_string();
}

std::optional<store::ListPosition> read_token(std::string_view token) {
  const std::size_t middle = token.find('_');
  if (middle == std::string_view::npos) return std::nullopt;
  const std::optional<std::int64_t> due = read_milliseconds(token.substr(0, middle));
  const std::optional<domain::DelayId> delay_id = domain::DelayId::parse(token.substr(middle + 1));
  if (!due || !delay_id) return std::nullopt;
  return store::ListPosition{from_ms(*due), *delay_id};
}

Result<store::ListQuery, MatrixError> read_list_request(const ListRequest& request, Milliseconds wall_offset) {
  constexpr std::string_view a_timestamp = "a timestamp in milliseconds";
  store::ListQuery query;
  if (request.from_ts) {
    query.from_ts = read_timestamp(*request.from_ts, wall_offset);
    if (!query.from_ts) return invalid_parameter("from_ts", a_timestamp);
  }
  if (request.to_ts) {
    query.to_ts = read_timestamp(*request.to_ts, wall_offset);
    if (!query.to_ts) return invalid_parameter("to_ts", a_timestamp);
  }
  if (request.dir) {
    if (*request.dir != "f" && *request.dir != "b") return invalid_parameter("dir", "f or b");
    if (*request.dir == "b") query.direction = store::Direction::backwards;
  }
  if (request.room_id) query.room_id = domain::RoomId(*request.room_id);
  query.type = request.type;
  if (request.status) {
    const std::optional<State> state = read_status(*request.status);
    if (!state) return invalid_parameter("status", "one of scheduled, sent, cancelled, failed");
    query.states = {*state};
  }
  if (request.from) {
    query.after = read_token(*request.from);
    if (!query.after) return invalid_parameter("from", "the next_batch of an earlier page");
  }
  return query;
}

async::Task<http::Response> list(Context& context, ListRequest request) {
  const Milliseconds wall_offset = context.clock.wall_offset();
  const auto query = read_list_request(request, wall_offset);
  if (!query) co_return to_response(query.error());
  const auto page = co_await context.store.list(request.caller, *query);
  if (!page) co_return to_response(store_unavailable());

  std::string body = "{\"delayed_events\":[";
  append(body, page->events, WireForm::stable, wall_offset);
  body += ']';
  if (page->more) body += ",\"next_batch\":\"" + to_token(position_of(page->events.back())) + '"';
  body += '}';
  co_return ok(std::move(body));
}

async::Task<http::Response> list_scheduled(Context& context, domain::UserId caller) {
  store::ListQuery query;
  query.states = {State::scheduled};
  const Milliseconds wall_offset = context.clock.wall_offset();
  std::string body = "{\"delayed_events\":[";
  while (true) {
    const auto page = co_await context.store.list(caller, query);
    if (!page) co_return to_response(store_unavailable());
    append(body, page->events, WireForm::unstable, wall_offset);
    if (!page->more) break;
    query.after = position_of(page->events.back());
  }
  body += "]}";
  co_return ok(std::move(body));
}

}  // namespace afterword::api
