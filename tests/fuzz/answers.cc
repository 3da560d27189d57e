// homeserver/read_answer: what the homeserver, or whatever stands before it, answers to our questions.
//
// The input: the status, Retry-After, then the body.
#include "base/json.h"
#include "homeserver/read_answer.h"
#include "homeserver/restart_marker.h"
#include "require.h"
#include "targets.h"

#include <charconv>

namespace afterword::fuzz {
namespace {

using namespace homeserver;

void check_error(const domain::HomeserverError& error) {
  const auto body = parse_json_object(error.body);
  require(body && string_member(*body, "errcode").has_value(), "an owner is shown a Matrix error");
  require(error.status >= 400 && error.status < 500, "a refusal is of the 400s");
}

void check_wait(const std::optional<Milliseconds>& wait) {
  require(!wait || (*wait >= Milliseconds(0) && *wait <= std::chrono::minutes(5)), "nobody keeps us waiting for long");
}

void check_send(const http::Response& response, const SendAnswer& answer) {
  const bool is_success = response.status >= 200 && response.status < 300;
  if (const auto* sent = std::get_if<Sent>(&answer)) {
    require(is_success && !sent->event_id.value.empty(), "what is sent was answered with an event_id");
  } else if (const auto* refused = std::get_if<Refused>(&answer)) {
    check_error(refused->error);
    check_wait(refused->retry_after);
  } else if (const auto* not_arrived = std::get_if<NotArrived>(&answer)) {
    require(!is_success && !not_arrived->reason.empty(), "a success has arrived");
    check_wait(not_arrived->retry_after);
  } else {
    require(!std::get<Unclear>(answer).reason.empty(), "what is unclear has a reason");
  }
}

void check_whoami(const http::Response& response, const WhoamiReading& answer) {
  if (const auto* identity = std::get_if<Identity>(&answer)) {
    require(response.status >= 200 && response.status < 300, "who somebody is stands in a success");
    require(!identity->user_id.value.empty(), "somebody has a user_id");
  } else if (const auto* error = std::get_if<domain::HomeserverError>(&answer)) {
    check_error(*error);
  } else if (const auto* again = std::get_if<AskAgain>(&answer)) {
    check_wait(again->wait);
  }
}

}  // namespace

void answers(std::string_view input) {
  http::Response response;
  const std::string_view status = take_line(input);
  std::from_chars(status.data(), status.data() + status.size(), response.status);
  const std::string_view retry_after = take_line(input);
  if (!retry_after.empty()) response.headers.add("Retry-After", std::string(retry_after));
  response.body = input;

  const WallTime now = wall_from_ms(1'800'000'000'000);
  check_send(response, read_send_answer(HttpAnswer(response), now));
  check_whoami(response, read_whoami_answer(HttpAnswer(response), now));
  read_mark(HttpAnswer(response));
}

}  // namespace afterword::fuzz
