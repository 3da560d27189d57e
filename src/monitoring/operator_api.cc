#include "monitoring/operator_api.h"

#include "api/matrix_error.h"
#include "base/encoding.h"
#include "http/matrix_answer.h"
#include "monitoring/event_lists.h"
#include "monitoring/operator_actions.h"

#include <boost/json/serialize.hpp>

#include <string_view>

namespace afterword::monitoring {
namespace {

using api::to_response;
using async::Task;

// The parts and the request outlive the task.
using Answering = Task<OperatorAnswer> (*)(OperatorParts& parts, const OperatorRequest& request);

struct Route {
  std::string_view method;
  std::string_view path;
  Answering answer;
};

constexpr Route routes[] = {
    {"GET", "/api/v1/totals", show_totals},
    {"GET", "/api/v1/events/due", list_due},
    {"GET", "/api/v1/events/late", list_late},
    {"GET", "/api/v1/events/in_doubt", list_in_doubt},
    {"GET", "/api/v1/events/aside", list_aside},
    {"GET", "/api/v1/events/failed", list_failed},
    {"GET", "/api/v1/events/of_user", list_of_user},
    {"GET", "/api/v1/events/of_room", list_of_room},
    {"POST", "/api/v1/look_up", look_up_event},
    {"POST", "/api/v1/cancel", cancel_event},
    {"POST", "/api/v1/cancel_all", cancel_all_of_user},
    {"POST", "/api/v1/end_call", end_call},
    {"POST", "/api/v1/drain", drain},
    {"GET", "/api/v1/log_level", show_log_level},
    {"POST", "/api/v1/log_level", change_log_level},
};

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

  OperatorRequest asked;
  if (auto target = http::Target::parse(request.target)) asked.target = *std::move(target);
  if (!asked.target.is_text()) co_return for_operators_alone(to_response(api::not_text()));
  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  std::string allowed;
  Answering answering = nullptr;
  for (const Route& route : routes) {
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
  auto answer = co_await answering(parts_, asked);
  co_return for_operators_alone(answer ? api::ok(json::serialize(*answer)) : std::move(answer.error()));
}

}  // namespace afterword::monitoring
