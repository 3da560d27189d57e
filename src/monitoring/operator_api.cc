#include "monitoring/operator_api.h"

#include "api/end_call.h"
#include "api/manage.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/server_time.h"
#include "delivery/event_log.h"
#include "http/matrix_answer.h"
#include "monitoring/shown_event.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <string_view>

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
// With their contents, of up to 64 KiB each, which are not shown.
constexpr std::uint32_t whole_events_at_once = 14;
constexpr std::size_t max_id_bytes = 255;

using Position = std::pair<Timestamp, DelayId>;

template <class Number>
std::optional<Number> read_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::uint32_t> limit_of(const http::Target& target) {
  const auto text = target.parameter("limit");
  if (!text) return events_of_a_page;
  const auto limit = read_number<std::uint32_t>(*text);
  return limit && *limit >= 1 && *limit <= max_events_of_a_page ? limit : std::nullopt;
}

http::Response invalid_limit() { return to_response(api::invalid_parameter("limit", "a number from 1 to 100")); }

bool is_room_id(std::string_view text) {
  return text.starts_with('!') && text.size() > 1 && text.size() <= max_id_bytes;
}

// The only member of a body.
Result<const json::value*, http::Response> only_member(const json::object& body, std::string_view name) {
  const json::value* const member = body.if_contains(name);
  if (member == nullptr) return to_response(api::missing_parameter(name));
  if (body.size() == 1) return member;
  return to_response(api::invalid_parameter("body", "an object with " + std::string(name) + " alone"));
}

http::Response invalid_room() {
  return to_response(api::invalid_parameter("room_id", "a room's id, as !a:example.org"));
}

http::Response invalid_user() {
  return to_response(api::invalid_parameter("user_id", "a user's id, as @alice:example.org"));
}

// The token is in no query, for queries are logged.
std::optional<std::string_view> bearer_token(const http::Request& request) {
  constexpr std::string_view scheme = "Bearer ";
  std::optional<std::string_view> token;
  for (const http::Header& header : request.headers) {
    if (!http::equal_ignoring_case(header.name, "Authorization")) continue;
    const std::string_view value = header.value;
    if (token || !http::equal_ignoring_case(value.substr(0, scheme.size()), scheme)) return std::nullopt;
    token = value.substr(scheme.size());
  }
  return token;
}

// Pages of others have no business here, whatever the homeserver's clients are told (http/matrix_answer.h).
http::Response for_operators_alone(http::Response response) {
  response.headers.remove_if([](const http::Header& header) { return header.name.starts_with("Access-Control-"); });
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  return response;
}

api::MatrixError api_is_off() {
  api::MatrixError error = api::unrecognized();
  error.error = "The operator's API is off: set ops.token";
  return error;
}

}  // namespace

std::span<const OperatorApi::Route> OperatorApi::routes() {
  static constexpr Route table[] = {
      {"GET", "/api/v1/totals", &OperatorApi::totals},
      {"GET", "/api/v1/events/due", &OperatorApi::due},
      {"GET", "/api/v1/events/late", &OperatorApi::late},
      {"GET", "/api/v1/events/in_doubt", &OperatorApi::in_doubt},
      {"GET", "/api/v1/events/aside", &OperatorApi::aside},
      {"GET", "/api/v1/events/failed", &OperatorApi::failed},
      {"GET", "/api/v1/events/of_user", &OperatorApi::of_user},
      {"GET", "/api/v1/events/of_room", &OperatorApi::of_room},
      {"POST", "/api/v1/look_up", &OperatorApi::look_up},
      {"POST", "/api/v1/cancel", &OperatorApi::cancel},
      {"POST", "/api/v1/cancel_all", &OperatorApi::cancel_all},
      {"POST", "/api/v1/end_call", &OperatorApi::end_call},
      {"POST", "/api/v1/drain", &OperatorApi::drain},
      {"GET", "/api/v1/log_level", &OperatorApi::log_level},
      {"POST", "/api/v1/log_level", &OperatorApi::set_log_level},
  };
  return table;
}

std::optional<http::Response> OperatorApi::refusal(const http::Request& request) const {
  if (!token_) return to_response(api_is_off());
  const auto given = bearer_token(request);
  if (given && is_same_secret(*given, *token_)) return std::nullopt;
  http::Response response = to_response(given ? api::unknown_token() : api::missing_token());
  response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

Task<http::Response> OperatorApi::handle(http::Request request) {
  if (auto refused = refusal(request)) co_return for_operators_alone(*std::move(refused));

  Asked asked;
  if (auto target = http::Target::parse(request.target)) asked.target = *std::move(target);
  if (!asked.target.is_text()) co_return for_operators_alone(to_response(api::not_text()));
  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  std::string allowed;
  Answering answering = nullptr;
  for (const Route& route : routes()) {
    if (route.path != asked.target.path) continue;
    if (route.method == method) answering = route.answer;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  if (answering == nullptr && allowed.empty()) co_return for_operators_alone(to_response(api::unrecognized()));
  if (answering == nullptr) {
    http::Response response = to_response(api::method_not_allowed());
    response.headers.add("Allow", allowed);
    co_return for_operators_alone(std::move(response));
  }
  if (method == "POST") {
    auto body = parse_json(request.body);
    if (!body) co_return for_operators_alone(to_response(api::not_json()));
    if (!body->is_object()) co_return for_operators_alone(to_response(api::not_an_object()));
    asked.body = std::move(body->get_object());
  }
  auto answer = co_await (this->*answering)(asked);
  co_return for_operators_alone(answer ? api::ok(json::serialize(*answer)) : std::move(answer.error()));
}

Task<OperatorApi::Answer> OperatorApi::totals(const Asked&) {
  const auto reason = co_await readiness_.why_not();
  json::object shown = totals_();
  shown["now_ts"] = to_ms(to_wall(context_.clock.now(), context_.clock.wall_offset()));
  shown["ready"] = !reason;
  if (reason) shown["not_ready"] = *reason;
  shown["draining"] = readiness_.is_out_of_service();
  shown["log_level"] = afterword::log_level();
  co_return shown;
}

// A timer is at its event's due time or before, so what is due by the next timer is known when all before it are.
Task<OperatorApi::Answer> OperatorApi::due(const Asked& asked) {
  const auto limit = limit_of(asked.target);
  if (!limit) co_return invalid_limit();
  const std::vector<delivery::Timer> timers = context_.delivery.first_timers(max_timers_looked_at + 1);
  std::set<Position> found;
  std::size_t looked_at = 0;
  while (looked_at < std::min(timers.size(), max_timers_looked_at)) {
    if (found.size() >= *limit && std::next(found.begin(), *limit - 1)->first <= timers[looked_at].when) break;
    const std::size_t end = std::min({looked_at + timers_at_once, timers.size(), max_timers_looked_at});
    std::vector<DelayId> ids;
    for (; looked_at < end; ++looked_at) ids.push_back(timers[looked_at].delay_id);
    const auto active = co_await context_.store.find_active(std::move(ids));
    if (!active) co_return to_response(api::store_unavailable());
    for (const store::ActiveEvent& event : *active) found.emplace(event.timing.due(), event.delay_id);
  }

  const Timestamp known_until = looked_at < timers.size() ? timers[looked_at].when : Timestamp::max();
  json::array events;
  bool more = looked_at < timers.size();
  for (const auto& [when, delay_id] : found) {
    more = more || events.size() == *limit;
    if (when > known_until || events.size() == *limit) break;
    const auto event = co_await context_.store.look_up(delay_id, std::nullopt);
    if (!event) co_return to_response(api::store_unavailable());
    if (*event && !domain::is_finalised((*event)->state)) events.push_back(shown(**event));
  }
  co_return page(std::move(events), more);
}

Task<OperatorApi::Answer> OperatorApi::unsettled(const Asked& asked, delivery::UnsettledKind kind) {
  const auto limit = limit_of(asked.target);
  if (!limit) co_return invalid_limit();
  std::vector<delivery::Unsettled> found = context_.delivery.unsettled(kind, std::size_t{*limit} + 1);
  const bool more = found.size() > *limit;
  if (more) found.resize(*limit);
  json::array events;
  for (const delivery::Unsettled& unsettled : found) {
    const auto event = co_await context_.store.look_up(unsettled.delay_id, std::nullopt);
    if (!event) co_return to_response(api::store_unavailable());
    if (!*event || domain::is_finalised((*event)->state)) continue;  // meanwhile
    json::object shown_one = shown(**event);
    if (!unsettled.reason.empty()) shown_one["reason"] = unsettled.reason;
    if (unsettled.answer) shown_one["answer"] = shown_error(*unsettled.answer);
    events.push_back(std::move(shown_one));
  }
  co_return page(std::move(events), more);
}

Task<OperatorApi::Answer> OperatorApi::failed(const Asked& asked) {
  const auto limit = limit_of(asked.target);
  if (!limit) co_return invalid_limit();
  const auto from = from_of(asked);
  if (!from) co_return from.error();
  std::optional<store::FailedPosition> after;
  if (*from) after = store::FailedPosition{(*from)->first, (*from)->second};
  const auto found = co_await context_.store.list_failed(after, *limit);
  if (!found) co_return to_response(api::store_unavailable());
  json::array events;
  for (const domain::DelayedEvent& event : found->events) events.push_back(shown(event));
  if (!found->more) co_return page(std::move(events), false);
  const domain::DelayedEvent& last = found->events.back();
  co_return page_before(cursor(last.finalised->finalised_ts, last.delay_id), std::move(events));
}

Task<OperatorApi::Answer> OperatorApi::of_user(const Asked& asked) {
  const auto limit = limit_of(asked.target);
  if (!limit) co_return invalid_limit();
  const auto from = from_of(asked);
  if (!from) co_return from.error();
  const auto user_id = asked.target.parameter("user_id");
  if (!user_id) co_return to_response(api::missing_parameter("user_id"));
  if (!domain::is_user_id(*user_id)) co_return invalid_user();

  store::ListQuery query;
  query.direction = store::Direction::backwards;
  if (*from) query.after = store::ListPosition{(*from)->first, (*from)->second};
  json::array events;
  bool more = true;
  while (more && events.size() < *limit) {
    query.limit = std::min(whole_events_at_once, *limit - static_cast<std::uint32_t>(events.size()));
    const auto found = co_await context_.store.list(domain::UserId(*user_id), query);
    if (!found) co_return to_response(api::store_unavailable());
    for (const domain::DelayedEvent& event : found->events) {
      events.push_back(shown(event));
      query.after = store::ListPosition{event.timing.due(), event.delay_id};
    }
    more = found->more;
  }
  if (!more) co_return page(std::move(events), false);
  co_return page_before(cursor(query.after->due, query.after->delay_id), std::move(events));
}

Task<OperatorApi::Answer> OperatorApi::of_room(const Asked& asked) {
  const auto limit = limit_of(asked.target);
  if (!limit) co_return invalid_limit();
  const auto from = from_of(asked);
  if (!from) co_return from.error();
  const auto room_id = asked.target.parameter("room_id");
  if (!room_id) co_return to_response(api::missing_parameter("room_id"));
  if (!is_room_id(*room_id)) co_return invalid_room();

  std::optional<store::ListPosition> after;
  if (*from) after = store::ListPosition{(*from)->first, (*from)->second};
  const auto found = co_await context_.store.list_room(domain::RoomId(*room_id), after, *limit);
  if (!found) co_return to_response(api::store_unavailable());
  json::array events;
  for (const domain::DelayedEvent& event : found->events) events.push_back(shown(event));
  if (!found->more) co_return page(std::move(events), false);
  const domain::DelayedEvent& last = found->events.back();
  co_return page_before(cursor(last.timing.due(), last.delay_id), std::move(events));
}

Task<OperatorApi::Answer> OperatorApi::look_up(const Asked& asked) {
  const auto delay_id = event_of(asked);
  if (!delay_id) co_return delay_id.error();
  const auto event = co_await context_.store.look_up(*delay_id, std::nullopt);
  if (!event) co_return to_response(api::store_unavailable());
  if (!*event) co_return to_response(api::delayed_event_not_found());
  co_return shown(**event);
}

Task<OperatorApi::Answer> OperatorApi::cancel(const Asked& asked) {
  const auto delay_id = event_of(asked);
  if (!delay_id) co_return delay_id.error();
  api::ManageRequest request;
  request.delay_id = delay_id->to_string();
  request.action = domain::Action::cancel;
  auto managed = co_await api::manage(context_, std::move(request));
  if (!http::is_success(managed.response.status)) co_return std::move(managed.response);
  delivery::log_event(log::level::info, "an operator cancelled a delayed event", *delay_id);
  co_return json::object();
}

Task<OperatorApi::Answer> OperatorApi::cancel_all(const Asked& asked) {
  const auto member = only_member(asked.body, "user_id");
  if (!member) co_return member.error();
  const auto user_id = string_member(asked.body, "user_id");
  if (!user_id || !domain::is_user_id(*user_id)) co_return invalid_user();
  const auto cancelled = co_await context_.store.cancel_all(domain::UserId(*user_id), context_.clock.now());
  if (!cancelled) co_return to_response(api::store_unavailable());
  const std::uint64_t events = *cancelled;
  log_with(log::level::info, "an operator cancelled what a user has scheduled",
           {{"user", *user_id}, {"events", events}});
  json::object answer;
  answer["cancelled"] = events;
  co_return answer;
}

Task<OperatorApi::Answer> OperatorApi::end_call(const Asked& asked) {
  for (const char* const name : {"room_id", "leaves"}) {
    if (!asked.body.contains(name)) co_return to_response(api::missing_parameter(name));
  }
  if (asked.body.size() != 2) {
    co_return to_response(api::invalid_parameter("body", "an object with room_id and leaves alone"));
  }
  const auto room_id = string_member(asked.body, "room_id");
  if (!room_id || !is_room_id(*room_id)) co_return invalid_room();
  const auto leaves = string_member(asked.body, "leaves");
  if (leaves != "send" && leaves != "cancel") {
    co_return to_response(api::invalid_parameter("leaves", "one of send, cancel"));
  }
  const domain::Action action = *leaves == "send" ? domain::Action::send : domain::Action::cancel;
  auto ending = api::end_call(context_, domain::RoomId(*room_id), action);
  const auto ended = co_await std::move(ending);
  if (!ended) co_return to_response(api::store_unavailable());
  log_with(log::level::info, "an operator ended a call",
           {{"room", *room_id}, {"leaves", *leaves}, {"done", ended->done}, {"failed", ended->failed}});
  json::object answer;
  answer["done"] = ended->done;
  answer["failed"] = ended->failed;
  answer["more"] = ended->more;
  co_return answer;
}

Task<OperatorApi::Answer> OperatorApi::drain(const Asked& asked) {
  const auto member = only_member(asked.body, "drain");
  if (!member) co_return member.error();
  if (!(*member)->is_bool()) co_return to_response(api::invalid_parameter("drain", "true or false"));
  const bool draining = (*member)->get_bool();
  readiness_.set_out_of_service(draining);
  log::info(draining ? "an operator took this instance out of service"
                     : "an operator put this instance back into service");
  json::object answer;
  answer["draining"] = draining;
  co_return answer;
}

Task<OperatorApi::Answer> OperatorApi::log_level(const Asked&) {
  json::object answer;
  answer["level"] = afterword::log_level();
  co_return answer;
}

Task<OperatorApi::Answer> OperatorApi::set_log_level(const Asked& asked) {
  const auto member = only_member(asked.body, "level");
  if (!member) co_return member.error();
  const auto level = string_member(asked.body, "level");
  if (!level || !afterword::set_log_level(*level)) {
    co_return to_response(api::invalid_parameter("level", "one of trace, debug, info, warning, error, off"));
  }
  log::info("the level of the log is {}", *level);
  co_return co_await log_level(asked);
}

// What somebody reports is a delay_id; what the lists show is a handle.
Result<DelayId, http::Response> OperatorApi::event_of(const Asked& asked) const {
  const bool by_handle = asked.body.contains("handle");
  const auto member = only_member(asked.body, by_handle ? "handle" : "delay_id");
  if (!member) return member.error();
  if (!(*member)->is_string())
    return to_response(api::invalid_parameter(by_handle ? "handle" : "delay_id", "a string"));
  const std::string_view text = (*member)->get_string();
  const auto delay_id = by_handle ? handles_.find(text) : DelayId::parse(text);
  if (!delay_id) return to_response(api::delayed_event_not_found());
  return *delay_id;
}

json::object OperatorApi::shown(const domain::DelayedEvent& event) const {
  return shown_event(event, handles_, context_.clock.wall_offset());
}

json::object OperatorApi::page(json::array events, bool more) const {
  json::object shown;
  shown["now_ts"] = to_ms(to_wall(context_.clock.now(), context_.clock.wall_offset()));
  shown["events"] = std::move(events);
  shown["more"] = more;
  return shown;
}

json::object OperatorApi::page_before(std::string_view next_batch, json::array events) const {
  json::object shown = page(std::move(events), true);
  shown["next_batch"] = next_batch;
  return shown;
}

std::string OperatorApi::cursor(Timestamp when, const DelayId& delay_id) const {
  return std::to_string(to_ms(when)) + "_" + handles_.handle_of(delay_id);
}

Result<std::optional<Position>, http::Response> OperatorApi::from_of(const Asked& asked) const {
  const auto text = asked.target.parameter("from");
  if (!text) return std::optional<Position>();
  const std::string_view cursor = *text;
  const std::size_t middle = std::min(cursor.find('_'), cursor.size());
  const auto when = read_number<std::int64_t>(cursor.substr(0, middle));
  const auto delay_id = handles_.find(cursor.substr(std::min(middle + 1, cursor.size())));
  if (!when || !delay_id) return to_response(api::invalid_parameter("from", "the next_batch of an earlier page"));
  return std::optional<Position>(std::in_place, from_ms(*when), *delay_id);
}

}  // namespace afterword::monitoring
