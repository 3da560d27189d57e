#include "monitoring/operator_actions.h"

#include "api/end_call.h"
#include "api/manage.h"
#include "base/log.h"
#include "base/server_time.h"
#include "delivery/event_log.h"
#include "monitoring/shown_event.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace afterword::monitoring {
namespace {

using api::to_response;
using async::Task;
using domain::DelayId;

// The only member of a body.
Result<const json::value*, http::Response> only_member(const json::object& body, std::string_view name) {
  const json::value* const member = body.if_contains(name);
  if (member == nullptr) return to_response(api::missing_parameter(name));
  if (body.size() == 1) return member;
  return to_response(api::invalid_parameter("body", "an object with " + std::string(name) + " alone"));
}

// What somebody reports is a delay_id; what the lists show is a handle.
Result<DelayId, http::Response> event_of(const EventHandles& handles, const OperatorRequest& request) {
  const bool by_handle = request.body.contains("handle");
  const char* const name = by_handle ? "handle" : "delay_id";
  const auto member = only_member(request.body, name);
  if (!member) return member.error();
  if (!(*member)->is_string()) return to_response(api::invalid_parameter(name, "a string"));
  const std::string_view text = (*member)->get_string();
  const auto delay_id = by_handle ? handles.find(text) : DelayId::parse(text);
  if (!delay_id) return to_response(api::delayed_event_not_found());
  return *delay_id;
}

}  // namespace

Task<OperatorAnswer> show_totals(OperatorParts& parts, const OperatorRequest&) {
  const auto reason = co_await parts.readiness.why_not();
  json::object shown = parts.totals();
  shown["now_ts"] = to_ms(to_wall(parts.context.clock.now(), parts.context.clock.wall_offset()));
  shown["ready"] = !reason;
  if (reason) shown["not_ready"] = *reason;
  shown["draining"] = parts.readiness.is_out_of_service();
  shown["log_level"] = afterword::log_level();
  co_return shown;
}

Task<OperatorAnswer> look_up_event(OperatorParts& parts, const OperatorRequest& request) {
  const auto delay_id = event_of(parts.handles, request);
  if (!delay_id) co_return delay_id.error();
  const auto event = co_await parts.context.store.look_up(*delay_id, std::nullopt);
  if (!event) co_return to_response(api::store_unavailable());
  if (!*event) co_return to_response(api::delayed_event_not_found());
  co_return shown_event(**event, parts.handles, parts.context.clock.wall_offset());
}

Task<OperatorAnswer> cancel_event(OperatorParts& parts, const OperatorRequest& request) {
  const auto delay_id = event_of(parts.handles, request);
  if (!delay_id) co_return delay_id.error();
  api::ManageRequest cancel;
  cancel.delay_id = *delay_id;
  cancel.action = domain::Action::cancel;
  auto managed = co_await api::manage(parts.context, std::move(cancel));
  if (!http::is_success(managed.response.status)) co_return std::move(managed.response);
  delivery::log_event(log::level::info, "an operator cancelled a delayed event", *delay_id);
  co_return json::object();
}

Task<OperatorAnswer> cancel_all_of_user(OperatorParts& parts, const OperatorRequest& request) {
  const auto member = only_member(request.body, "user_id");
  if (!member) co_return member.error();
  const auto user_id = read_user_id(string_member(request.body, "user_id"));
  if (!user_id) co_return user_id.error();
  const auto cancelled = co_await parts.context.store.cancel_all(*user_id, parts.context.clock.now());
  if (!cancelled) co_return to_response(api::store_unavailable());
  const std::uint64_t events = *cancelled;
  log_with(log::level::info, "an operator cancelled what a user has scheduled",
           {{"user", user_id->value}, {"events", events}});
  json::object answer;
  answer["cancelled"] = events;
  co_return answer;
}

Task<OperatorAnswer> end_call(OperatorParts& parts, const OperatorRequest& request) {
  for (const char* const name : {"room_id", "leaves"}) {
    if (!request.body.contains(name)) co_return to_response(api::missing_parameter(name));
  }
  if (request.body.size() != 2) {
    co_return to_response(api::invalid_parameter("body", "an object with room_id and leaves alone"));
  }
  const auto room_id = read_room_id(string_member(request.body, "room_id"));
  if (!room_id) co_return room_id.error();
  const auto leaves = string_member(request.body, "leaves");
  if (leaves != "send" && leaves != "cancel") {
    co_return to_response(api::invalid_parameter("leaves", "one of send, cancel"));
  }
  const domain::Action action = *leaves == "send" ? domain::Action::send : domain::Action::cancel;
  auto ending = api::end_call(parts.context, *room_id, action);
  const auto ended = co_await std::move(ending);
  if (!ended) co_return to_response(api::store_unavailable());
  log_with(log::level::info, "an operator ended a call",
           {{"room", room_id->value}, {"leaves", *leaves}, {"done", ended->done}, {"failed", ended->failed}});
  json::object answer;
  answer["done"] = ended->done;
  answer["failed"] = ended->failed;
  answer["more"] = ended->more;
  co_return answer;
}

Task<OperatorAnswer> drain(OperatorParts& parts, const OperatorRequest& request) {
  const auto member = only_member(request.body, "drain");
  if (!member) co_return member.error();
  if (!(*member)->is_bool()) co_return to_response(api::invalid_parameter("drain", "true or false"));
  const bool draining = (*member)->get_bool();
  parts.readiness.set_out_of_service(draining);
  log::info(draining ? "an operator took this instance out of service"
                     : "an operator put this instance back into service");
  json::object answer;
  answer["draining"] = draining;
  co_return answer;
}

Task<OperatorAnswer> show_log_level(OperatorParts&, const OperatorRequest&) {
  json::object answer;
  answer["level"] = afterword::log_level();
  co_return answer;
}

Task<OperatorAnswer> change_log_level(OperatorParts& parts, const OperatorRequest& request) {
  const auto member = only_member(request.body, "level");
  if (!member) co_return member.error();
  const auto level = string_member(request.body, "level");
  if (!level || !afterword::set_log_level(*level)) {
    co_return to_response(api::invalid_parameter("level", "one of trace, debug, info, warning, error, off"));
  }
  log::info("the level of the log is {}", *level);
  co_return co_await show_log_level(parts, request);
}

}  // namespace afterword::monitoring
