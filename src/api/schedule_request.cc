#include "api/schedule_request.h"

#include "base/json.h"
#include "domain/event_check.h"

#include <boost/json/monotonic_resource.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

namespace afterword::api {
namespace {

using domain::EventKind;

constexpr std::string_view positive_integer = "a positive integer of milliseconds";

// A whole number in decimal digits. What is beyond 64 bits stands for "very large".
std::optional<std::int64_t> read_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    return text.front() == '-' ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
  }
  return number;
}

std::optional<std::int64_t> read_integer(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64()) return std::numeric_limits<std::int64_t>::max();
  return std::nullopt;
}

Result<Milliseconds, MatrixError> check_delay(std::optional<std::int64_t> delay_ms, std::string_view name,
                                              WireForm form, std::optional<Milliseconds> longest, Timestamp now) {
  if (!delay_ms || *delay_ms <= 0) return invalid_parameter(name, positive_integer);
  if (longest && *delay_ms > longest->count()) return delay_too_large(form, *longest);
  // The scheduled time becomes the event's origin_server_ts, so JSON must be able to carry it.
  if (*delay_ms > max_json_integer - to_ms(now)) return invalid_parameter(name, positive_integer);
  return Milliseconds(*delay_ms);
}

// What stands in the body of a stable or unstable request.
struct Envelope {
  std::string_view delay_name;
  std::optional<std::int64_t> delay_ms;
  std::optional<std::string> state_key;
  const json::object* content = nullptr;  // the body's
};

Result<Envelope, MatrixError> open_envelope(const json::object& body, WireForm form) {
  Envelope envelope;
  envelope.delay_name = "delay_ms";
  const json::value* delay = body.if_contains("delay_ms");
  if (delay == nullptr && form == WireForm::unstable) {
    delay = body.if_contains("delay");  // ruma's name
    if (delay != nullptr) envelope.delay_name = "delay";
  }
  if (delay == nullptr) return missing_parameter("delay_ms");
  envelope.delay_ms = read_integer(*delay);

  if (const json::value* state_key = body.if_contains("state_key")) {
    if (!state_key->is_string()) return invalid_parameter("state_key", "a string");
    envelope.state_key = std::string(state_key->get_string());
  }

  const json::value* content = body.if_contains("content");
  if (content == nullptr) return missing_parameter("content");
  if (!content->is_object()) return invalid_parameter("content", "a JSON object");
  envelope.content = &content->get_object();
  return envelope;
}

Result<std::optional<std::int64_t>, MatrixError> read_natural(const std::optional<std::string>& text,
                                                              std::string_view name) {
  if (!text) return std::optional<std::int64_t>();
  const std::optional<std::int64_t> number = read_integer(*text);
  if (!number || *number < 0 || *number > max_json_integer) {
    return invalid_parameter(name, "a non-negative integer of milliseconds");
  }
  return number;
}

std::optional<MatrixError> read_query(const ScheduleRequest& request, domain::EventToSend& event) {
  const auto sticky = read_natural(request.sticky_duration_ms, "org.matrix.msc4354.sticky_duration_ms");
  if (!sticky) return sticky.error();
  if (*sticky) event.sticky_duration = Milliseconds(**sticky);

  if (request.caller.is_application_service) {
    const auto ts = read_natural(request.ts, "ts");
    if (!ts) return ts.error();
    if (*ts) event.origin_server_ts = wall_from_ms(**ts);
  }
  return std::nullopt;
}

}  // namespace

Result<domain::NewDelayedEvent, MatrixError> read_schedule_request(ScheduleRequest request,
                                                                   const domain::Limits& limits, Timestamp now) {
  if (limits.max_scheduled_per_user == 0U) return scheduling_forbidden();

  std::array<unsigned char, 8 * 1024> room;  // for most bodies
  json::monotonic_resource memory(room.data(), room.size());
  const std::optional<json::value> body = parse_json(request.body, &memory);
  if (!body) return not_json();
  if (!body->is_object()) return not_an_object();

  domain::NewDelayedEvent scheduled;
  domain::EventToSend& event = scheduled.event;
  event.user_id = std::move(request.caller.user_id);
  event.device_id = std::move(request.caller.device_id);
  event.room_id = std::move(request.room_id);
  event.kind = request.kind;
  event.type = std::move(request.type);
  event.state_key = std::move(request.state_key);
  event.redacts = std::move(request.redacts);

  const json::object* content = &body->get_object();
  std::string_view delay_name = "org.matrix.msc4140.delay";
  std::optional<std::int64_t> delay_ms;
  if (request.form == WireForm::legacy) {
    if (request.delay) delay_ms = read_integer(*request.delay);
  } else {
    Result<Envelope, MatrixError> envelope = open_envelope(body->get_object(), request.form);
    if (!envelope) return envelope.error();
    content = envelope->content;
    delay_name = envelope->delay_name;
    delay_ms = envelope->delay_ms;
    if (envelope->state_key) {
      event.kind = EventKind::state;
      event.state_key = std::move(*envelope->state_key);
    }
  }

  if (std::optional<MatrixError> fault = read_query(request, event)) return std::move(*fault);
  const std::optional<Milliseconds> longest = domain::longest_delay(limits, event);
  const Result<Milliseconds, MatrixError> delay = check_delay(delay_ms, delay_name, request.form, longest, now);
  if (!delay) return delay.error();

  event.content = to_text(*content);
  if (const auto fault = domain::check_event(event, *content)) return event_fault(*fault);

  scheduled.delay_id = domain::DelayId::random();
  scheduled.timing = {now, *delay};
  scheduled.transaction = request.transaction;
  return scheduled;
}

}  // namespace afterword::api
