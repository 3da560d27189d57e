// api/schedule_request, and what becomes of an event that it accepts: how its owner is shown it, and how it is sent.
//
// The input: a line each for the wire form and kind, the room, the type, the state key, what it redacts, the delay, the
// sticky duration and ts, percent-encoded as in a path; then the body.
#include "api/delayed_event_json.h"
#include "api/schedule_request.h"
#include "base/encoding.h"
#include "base/json.h"
#include "homeserver/send_request.h"
#include "http/target.h"
#include "require.h"
#include "targets.h"

#include <memory>

namespace afterword::fuzz {
namespace {

using domain::EventKind;

std::string take_text(std::string_view& input) { return percent_decode(take_line(input)); }

std::optional<std::string> take_parameter(std::string_view& input) {
  std::string text = take_text(input);
  if (text.empty()) return std::nullopt;
  return text;
}

api::ScheduleRequest read_request(std::string_view input) {
  api::ScheduleRequest request;
  const std::string_view form = take_line(input);
  request.form = form.starts_with('l')   ? api::WireForm::legacy
                 : form.starts_with('u') ? api::WireForm::unstable
                                         : api::WireForm::stable;
  request.kind = form.ends_with('s')   ? EventKind::state
                 : form.ends_with('r') ? EventKind::redaction
                                       : EventKind::message;
  request.caller = {domain::UserId("@alice:example.org"), domain::DeviceId("DEVICE"), form.size() > 2};
  request.room_id = domain::RoomId(take_text(input));
  request.type = take_text(input);
  request.state_key = take_text(input);
  request.redacts = domain::EventId(take_text(input));
  request.delay = take_parameter(input);
  request.sticky_duration_ms = take_parameter(input);
  request.ts = take_parameter(input);
  request.body = input;
  return request;
}

void check_refusal(const api::MatrixError& error) {
  const http::Response response = api::to_response(error);
  require(response.status >= 400 && response.status < 500, "what is refused is the client's fault");
  const auto body = parse_json_object(response.body);
  require(body && string_member(*body, "errcode") == error.errcode, "a refusal is a Matrix error");
}

void check_content(const api::ScheduleRequest& request, const domain::NewDelayedEvent& scheduled) {
  const auto body = parse_json_object(request.body);
  require(body.has_value(), "the body is an object");
  const bool is_whole_body = request.form == api::WireForm::legacy;
  const json::object* content = is_whole_body ? &*body : object_member(*body, "content");
  require(content != nullptr && parse_json_object(scheduled.event.content) == *content,
          "the content is what the client wrote");
}

void check_shown(const api::ScheduleRequest& request, const domain::NewDelayedEvent& scheduled, Timestamp now) {
  domain::DelayedEvent event;
  event.delay_id = scheduled.delay_id;
  event.event = std::make_shared<const domain::EventToSend>(scheduled.event);
  event.timing = scheduled.timing;
  const auto shown = parse_json_object(api::to_json(event, request.form, Milliseconds(5)));
  require(shown.has_value(), "what its owner is shown is JSON");
  require(string_member(*shown, "delay_id") == scheduled.delay_id.to_string(), "it shows the delay_id");
  require(string_member(*shown, "room_id") == request.room_id.value, "it shows the room");
  require(string_member(*shown, "type") == request.type, "it shows the type");
  require(shown->at("delayed_since_ts") == to_ms(now) + 5, "it shows when the delay began, in wall time");
}

// Whether a proxy or Go could make another path of it, decoded as often as anybody may.
bool could_be_folded(std::string_view target) {
  std::string path(target.substr(0, target.find('?')));
  if (path.find("//") != path.npos) return true;
  for (int decoded = 0; decoded < 2; ++decoded) {
    const std::string bounded = path + '/';
    if (bounded.find("/./") != bounded.npos || bounded.find("/../") != bounded.npos) return true;
    path = percent_decode(path);
  }
  return false;
}

void check_sent(const domain::NewDelayedEvent& scheduled) {
  const domain::EventToSend& event = scheduled.event;
  const http::Request sent =
      homeserver::make_send_request(scheduled.delay_id, event, domain::Attempt{wall_from_ms(1'000), false}, "token");
  for (const char character : sent.target) require(character > ' ' && character < '\x7f', "a target is visible ASCII");
  require(!could_be_folded(sent.target), "nobody folds the path of a target");
  require(homeserver::can_be_addressed(event), "what is scheduled can be sent");
  const auto target = http::Target::parse(sent.target);
  require(target && target->is_text(), "a target is text");
  require(target->segments.size() == 8, "a target has its eight segments");
  require(target->segments[4] == event.room_id.value, "the room is the event's");
  const std::string_view sixth = target->segments[6];
  require(sixth == (event.kind == EventKind::redaction ? event.redacts.value : event.type), "the type is the event's");
  if (event.kind == EventKind::state) require(target->segments[7] == event.state_key, "the key is the event's");
  require(target->parameter("user_id") == event.user_id.value, "it is sent as its owner");
  require(target->parameter("ts") == "1000", "it carries the time of the attempt");
}

}  // namespace

void scheduling(std::string_view input) {
  const api::ScheduleRequest request = read_request(input);
  // The gateway takes no other (the target "routes").
  for (const std::string* text : {&request.room_id.value, &request.type, &request.state_key, &request.redacts.value}) {
    if (!is_valid_utf8(*text) || text->find('\0') != text->npos) return;
  }
  const Timestamp now = from_ms(1'800'000'000'000);
  const domain::Limits limits;
  const auto scheduled = api::read_schedule_request(request, limits, now);
  if (!scheduled) return check_refusal(scheduled.error());
  require(scheduled->timing.delay > Milliseconds(0) &&
              scheduled->timing.delay <= domain::longest_delay(limits, scheduled->event),
          "the delay is within the limits");
  require(scheduled->timing.delayed_since == now, "the delay begins now");
  require(scheduled->event.room_id.value.starts_with('!'), "the room is one");
  require(!scheduled->event.origin_server_ts || request.caller.is_application_service, "users give no time");
  check_content(request, *scheduled);
  check_shown(request, *scheduled, now);
  check_sent(*scheduled);
}

}  // namespace afterword::fuzz
