#include "api/delayed_event_json.h"

#include "base/json.h"
#include "base/overloaded.h"
#include "base/server_time.h"

#include <boost/json/serialize.hpp>

namespace afterword::api {
namespace {

using domain::EventKind;

json::object finalised_json(const domain::Finalised& finalised, Milliseconds wall_offset) {
  json::object result;
  result["finalised_ts"] = to_ms(to_wall(finalised.finalised_ts, wall_offset));
  std::visit(Overloaded{[&](const domain::EventId& event_id) { result["event_id"] = event_id.value; },
                        [&](const domain::HomeserverError& error) {
                          result["error"] = parse_json_object(error.body).value_or(json::object());
                        },
                        [](const domain::Cancelled&) {}},
             finalised.outcome);
  return result;
}

// The content of a redaction names what it redacts, as from room version 11 on.
std::string content_of(const domain::EventToSend& event) {
  if (event.kind != EventKind::redaction) return event.content;
  json::object content = parse_json_object(event.content).value_or(json::object());
  content["redacts"] = event.redacts.value;
  return json::serialize(content);
}

}  // namespace

std::string to_json(const domain::DelayedEvent& event, WireForm form, Milliseconds wall_offset) {
  const std::int64_t delayed_since_ts = to_ms(to_wall(event.timing.delayed_since, wall_offset));
  json::object members;
  members["delay_id"] = event.delay_id.to_string();
  members["room_id"] = event.event.room_id.value;
  members["type"] = event.event.type;
  if (event.event.kind == EventKind::state) members["state_key"] = event.event.state_key;
  members["delay_ms"] = event.timing.delay.count();
  members["delayed_since_ts"] = delayed_since_ts;
  if (form == WireForm::unstable) {
    members["delay"] = event.timing.delay.count();
    members["running_since"] = delayed_since_ts;
  }
  if (event.finalised) {
    const json::object finalised = finalised_json(*event.finalised, wall_offset);
    members["finalised"] = finalised;
    // ruma looks for the outcome beside the other members.
    if (form == WireForm::unstable) members.insert(finalised.begin(), finalised.end());
  }

  // The content is JSON text already: it goes in as it is.
  std::string text = json::serialize(members);
  text.pop_back();
  text += ",\"content\":";
  text += content_of(event.event);
  text += '}';
  return text;
}

}  // namespace afterword::api
