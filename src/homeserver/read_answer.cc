#include "homeserver/read_answer.h"

#include "base/json.h"
#include "base/read_number.h"
#include "homeserver/delivery_answers.h"
#include "http/date.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

namespace afterword::homeserver {
namespace {

constexpr int bad_gateway = 502;
// A homeserver that limits us without saying for how long.
constexpr Milliseconds default_wait{500};
// Nobody may keep us waiting for longer than this without being asked again.
constexpr Milliseconds longest_wait = std::chrono::minutes(5);

// The answer's status and what stands in its body, as far as it is Matrix's.
struct Reading {
  int status = 0;
  std::optional<json::object> body;
  std::string errcode;  // empty if there is none

  bool is_unknown_endpoint() const {
    return errcode == "M_UNRECOGNIZED" || (errcode.empty() && (status == 404 || status == 405));
  }
};

Reading read(const http::Response& response) {
  Reading reading{response.status, parse_json_object(response.body), {}};
  if (reading.body) reading.errcode = string_member(*reading.body, "errcode").value_or("");
  if (!is_errcode(reading.errcode)) reading.errcode.clear();
  return reading;
}

// Owners are shown an error object in any case, also where a proxy answered in HTML.
domain::HomeserverError to_error(const http::Response& response, const Reading& reading) {
  const int status = response.status >= 400 ? response.status : bad_gateway;
  const bool has_words = reading.body && string_member(*reading.body, "error");
  if (has_words && !reading.errcode.empty()) return {status, response.body};
  json::object made_up = reading.body.value_or(json::object());
  made_up["errcode"] = reading.errcode.empty() ? "M_UNKNOWN" : reading.errcode;
  if (!has_words) made_up["error"] = fmt::format("The homeserver answered {}", response.status);
  return {status, to_text(made_up)};
}

std::optional<Milliseconds> retry_after_header(std::string_view header, WallTime now) {
  if (const auto seconds = read_number<std::uint32_t>(header)) return std::chrono::seconds(*seconds);
  const auto date = http::parse_date(header);
  if (date) return *date - now;
  return std::nullopt;
}

std::optional<Milliseconds> retry_after(const http::Response& response, const Reading& reading, WallTime now) {
  if (reading.status != http::too_many_requests) return std::nullopt;
  std::optional<Milliseconds> wait;
  const json::value* member = reading.body ? reading.body->if_contains("retry_after_ms") : nullptr;
  if (member && member->is_int64()) {
    wait = Milliseconds(member->get_int64());
  } else if (const auto header = response.headers.find("Retry-After")) {
    wait = retry_after_header(*header, now);
  }
  if (wait) wait = std::clamp(*wait, Milliseconds(0), longest_wait);
  return wait;
}

bool speaks_of_the_token(const Reading& reading) {
  const bool is_refused = reading.status == 400 || reading.status == 401 || reading.status == 403;
  return is_refused && !reading.errcode.empty() && reading.errcode != "M_UNRECOGNIZED" &&
         reading.errcode != "M_UNKNOWN";
}

}  // namespace

SendAnswer read_send_answer(const HttpAnswer& answer, WallTime now) {
  if (!answer) {
    const http::NoAnswer& none = answer.error();
    if (none.arrived == http::NoAnswer::Arrived::no) return NotArrived{none.reason};
    return Unclear{none.reason};
  }

  const Reading reading = read(*answer);
  if (http::is_success(reading.status)) {
    const auto event_id = reading.body ? string_member(*reading.body, "event_id") : std::nullopt;
    if (event_id && domain::is_event_id(*event_id)) return Sent{domain::EventId(*event_id)};
    return Unclear{fmt::format("an answer {} without an event_id", reading.status), false, to_error(*answer, reading)};
  }
  const AnswerRule& rule = rule_of(reading.status, reading.errcode);
  switch (rule.meaning) {
    case Meaning::refused:
      return Refused{to_error(*answer, reading), reading.errcode, retry_after(*answer, reading, now)};
    case Meaning::not_arrived:
      return NotArrived{fmt::format("an answer {}: {}", reading.status, rule.why), retry_after(*answer, reading, now),
                        to_error(*answer, reading)};
    case Meaning::unclear:
      break;
  }
  return Unclear{fmt::format("an answer {}", reading.status), false, to_error(*answer, reading)};
}

WayAnswer read_way_answer(const HttpAnswer& answer, WallTime now) {
  if (!answer) return Closed{answer.error().reason};

  const Reading reading = read(*answer);
  const bool is_identity = reading.body && string_member(*reading.body, "user_id");
  if (http::is_success(reading.status) && is_identity) return Open{};
  if (reading.status == http::too_many_requests) {
    const auto wait = retry_after(*answer, reading, now);
    if (reading.errcode == "M_LIMIT_EXCEEDED") return Limited{wait.value_or(default_wait)};
    return Closed{"what stands before the homeserver limits us", wait};
  }
  if (reading.errcode == "M_UNKNOWN_TOKEN" || reading.errcode == "M_MISSING_TOKEN") {
    return Closed{"the homeserver does not know our as_token; look whether it has our registration"};
  }
  const bool is_of_matrix =
      http::is_client_error(reading.status) && !reading.errcode.empty() && !reading.is_unknown_endpoint();
  if (is_of_matrix) return Open{};
  return Closed{fmt::format("an answer {} to whoami that is no homeserver's", reading.status)};
}

WhoamiReading read_whoami_answer(const HttpAnswer& answer, WallTime now) {
  if (!answer) return Unreachable{answer.error().reason};

  const Reading reading = read(*answer);
  if (http::is_success(reading.status) && reading.body) {
    const auto user_id = string_member(*reading.body, "user_id");
    // Dendrite shows an application service the user_id that it named itself, in whatever form.
    if (!user_id || !domain::is_user_id(*user_id)) return Unreachable{"an answer to whoami without a user_id"};
    Identity identity{domain::UserId(*user_id), std::nullopt};
    if (auto device_id = string_member(*reading.body, "device_id")) identity.device_id.emplace(std::move(*device_id));
    return identity;
  }
  if (reading.status == http::too_many_requests) {
    return AskAgain{retry_after(*answer, reading, now).value_or(default_wait)};
  }
  if (speaks_of_the_token(reading)) return to_error(*answer, reading);
  return Unreachable{fmt::format("an answer {} to whoami", reading.status)};
}

}  // namespace afterword::homeserver
