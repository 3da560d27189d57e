#include "api/matrix_error.h"

#include "http/matrix_answer.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace afterword::api {
namespace {

// The homeserver's word is passed on as far as an HTTP library can be expected to read it.
constexpr Milliseconds longest_retry_after = std::chrono::hours(24);

MatrixError simple(int status, std::string errcode, std::string error) {
  return MatrixError{status, std::move(errcode), std::move(error), std::nullopt, {}};
}

}  // namespace

MatrixError not_json() { return simple(400, "M_NOT_JSON", "The request body is not valid JSON"); }

MatrixError not_an_object() { return simple(400, "M_BAD_JSON", "The request body is not a JSON object"); }

MatrixError missing_parameter(std::string_view name) {
  return simple(400, "M_MISSING_PARAM", fmt::format("Missing parameter: {}", name));
}

MatrixError invalid_parameter(std::string_view name, std::string_view expected) {
  return simple(400, "M_INVALID_PARAM", fmt::format("{} must be {}", name, expected));
}

MatrixError event_fault(const domain::EventFault& fault) {
  if (fault.fault == domain::Fault::too_large) return simple(413, "M_TOO_LARGE", fault.description);
  const bool is_no_id = fault.fault == domain::Fault::no_id;
  return simple(400, is_no_id ? "M_INVALID_PARAM" : "M_BAD_JSON", fault.description);
}

MatrixError not_text() { return simple(400, "M_INVALID_PARAM", "Path and query must be UTF-8 without NUL"); }

MatrixError unrecognized() { return simple(404, "M_UNRECOGNIZED", "Unrecognized request"); }

MatrixError method_not_allowed() { return simple(405, "M_UNRECOGNIZED", "Unrecognized request method"); }

MatrixError delay_too_large(WireForm form, Milliseconds max_delay) {
  const std::string words = fmt::format("The requested delay exceeds the allowed maximum of {} ms", max_delay.count());
  MatrixError error;
  switch (form) {
    case WireForm::stable:
      error = simple(400, "M_DELAY_TOO_LARGE", words);
      break;
    case WireForm::unstable:
      error = simple(400, "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE", words);
      break;
    case WireForm::legacy:
      // matrix-js-sdk lowers its delay only when told so in this form.
      error = simple(400, "M_UNKNOWN", words);
      error.extra["org.matrix.msc4140.errcode"] = "M_MAX_DELAY_EXCEEDED";
      break;
  }
  for (const char* name : {"org.matrix.msc4140.max_delay", "max_delay"}) error.extra[name] = max_delay.count();
  return error;
}

MatrixError too_many_scheduled(Milliseconds until_next_send) {
  MatrixError error = simple(429, "M_LIMIT_EXCEEDED", "You have scheduled as many delayed events as is allowed");
  error.retry_after = until_next_send;
  return error;
}

MatrixError scheduling_forbidden() {
  return simple(403, "M_FORBIDDEN", "This server does not allow delayed events to be scheduled");
}

MatrixError rate_limited(Milliseconds wait) {
  MatrixError error = simple(429, "M_LIMIT_EXCEEDED", "Too many requests");
  error.retry_after = wait;
  return error;
}

MatrixError delayed_event_not_found() { return simple(404, "M_NOT_FOUND", "Delayed event not found"); }

MatrixError already_finalised(WireForm form) {
  // matrix-js-sdk 43 ends the call on any other answer of the unstable routes than M_NOT_FOUND.
  if (form == WireForm::unstable) return delayed_event_not_found();
  return simple(409, "M_UNKNOWN", "The delayed event was already finalised with another outcome");
}

MatrixError cannot_be_retried() {
  return simple(409, "M_UNKNOWN", "Only a delayed event that failed with M_LIMIT_EXCEEDED can be retried");
}

MatrixError missing_token() { return simple(401, "M_MISSING_TOKEN", "Missing access token"); }

// As Synapse answers it: there is no token that it could look at.
MatrixError unreadable_authorization(std::string_view why) { return simple(401, "M_MISSING_TOKEN", std::string(why)); }

MatrixError unknown_token() { return simple(401, "M_UNKNOWN_TOKEN", "Unknown access token"); }

MatrixError token_cannot_be_known(Milliseconds retry_after) {
  MatrixError error = simple(503, "M_UNKNOWN", "The homeserver does not say at the moment whose the access token is");
  error.retry_after = retry_after;
  return error;
}

MatrixError store_unavailable() {
  return simple(503, "M_UNKNOWN", "Delayed events cannot be stored at the moment; nothing was changed");
}

MatrixError homeserver_unreachable() { return simple(502, "M_UNKNOWN", "The homeserver cannot be reached"); }

MatrixError outcome_unknown() {
  return simple(504, "M_UNKNOWN", "The delayed event is being sent, and its outcome is not known yet");
}

http::Response to_response(const MatrixError& error) {
  json::object body;
  body["errcode"] = error.errcode;
  body["error"] = error.error;
  if (error.retry_after) body["retry_after_ms"] = error.retry_after->count();
  for (const json::key_value_pair& member : error.extra) body[member.key()] = member.value();
  http::Response response = http::json_answer(error.status, json::serialize(body));
  if (error.retry_after) http::set_retry_after(response, *error.retry_after);
  return response;
}

http::Response homeserver_refusal(const domain::HomeserverError& error) {
  http::Response response = http::json_answer(error.status, error.body);
  if (const std::optional<json::object> body = parse_json_object(error.body)) {
    const json::value* wait = body->if_contains("retry_after_ms");
    if (wait != nullptr && wait->is_int64()) {
      http::set_retry_after(response,
                            std::clamp(Milliseconds(wait->get_int64()), Milliseconds(0), longest_retry_after));
    }
  }
  return response;
}

http::Response ok(std::string body) { return http::json_answer(200, std::move(body)); }

}  // namespace afterword::api
