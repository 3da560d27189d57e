#include "api/delayed_event_json.h"

#include "base/json.h"
#include "base/json_writer.h"
#include "base/overloaded.h"
#include "base/server_time.h"

namespace afterword::api {
namespace {

using domain::EventKind;

void add_outcome(JsonObjectWriter& members, const domain::Finalised& finalised, Milliseconds wall_offset) {
  members.add("finalised_ts", to_ms(to_wall(finalised.finalised_ts, wall_offset)));
  std::visit(Overloaded{[&](const domain::EventId& event_id) { members.add("event_id", event_id.value); },
                        [&](const domain::HomeserverError& error) {
                          members.add_json("error", to_text(parse_json_object(error.body).value_or(json::object())));
                        },
                        [](const domain::Cancelled&) {}},
             finalised.outcome);
}

// A redaction's names what it redacts, as from room version 11 on.
std::string with_redacts(const domain::EventToSend& event) {
  json::object content = parse_json_object(event.content).value_or(json::object());
  content["redacts"] = event.redacts.value;
  return to_text(content);
}

}  // namespace

std::string to_json(const domain::DelayedEvent& event, WireForm form, Milliseconds wall_offset) {
  std::string text;
  append_json(text, event, form, wall_offset);
  return text;
}

void append_json(std::string& text, const domain::DelayedEvent& event, WireForm form, Milliseconds wall_offset) {
  const std::int64_t delayed_since_ts = to_ms(to_wall(event.timing.delayed_since, wall_offset));
  JsonObjectWriter members(text, usual_json_bytes + event.event->content.size());
  members.add("delay_id", event.delay_id.text());
  members.add("room_id", event.event->room_id.value);
  members.add("type", event.event->type);
  if (event.event->kind == EventKind::state) members.add("state_key", event.event->state_key);
  members.add("delay_ms", event.timing.delay.count());
  members.add("delayed_since_ts", delayed_since_ts);
  if (form == WireForm::unstable) {
    members.add("delay", event.timing.delay.count());
    members.add("running_since", delayed_since_ts);
  }
  if (event.finalised) {
    std::string finalised;
    JsonObjectWriter outcome(finalised);
    add_outcome(outcome, *event.finalised, wall_offset);
    outcome.end();
    members.add_json("finalised", finalised);
    // ruma looks for the outcome beside the other members.
    if (form == WireForm::unstable) members.add_members_of(finalised);
  }
  // The content is JSON text already: it goes in as it is.
  if (event.event->kind == EventKind::redaction) {
    members.add_json("content", with_redacts(*event.event));
  } else {
    members.add_json("content", event.event->content);
  }
  members.end();
}

}  // namespace afterword::api
