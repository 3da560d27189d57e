#include "monitoring/shown_event.h"

#include "base/overloaded.h"
#include "base/server_time.h"
#include "delivery/event_log.h"

#include <cstddef>
#include <string>
#include <utility>
#include <variant>

namespace afterword::monitoring {
namespace {

using domain::State;

constexpr std::size_t max_words_bytes = 1000;

const char* name_of(State state) {
  switch (state) {
    case State::scheduled:
      return "scheduled";
    case State::sending:
      return "sending";
    case State::sent:
      return "sent";
    case State::failed:
      return "failed";
    case State::cancelled:
      return "cancelled";
  }
  return "";
}

// Whole characters.
std::string shortened(std::string text) {
  constexpr unsigned char continuation_mask = 0xc0;
  constexpr unsigned char continuation = 0x80;
  if (text.size() <= max_words_bytes) return text;
  std::size_t end = max_words_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & continuation_mask) == continuation) --end;
  text.resize(end);
  return text + "…";
}

}  // namespace

json::object shown_error(const domain::HomeserverError& error) {
  json::object shown{{"status", error.status}};
  const json::object body = parse_json_object(error.body).value_or(json::object());
  for (const char* const member : {"errcode", "error"}) {
    if (auto words = string_member(body, member)) shown[member] = shortened(*std::move(words));
  }
  return shown;
}

json::object shown_event(const domain::DelayedEvent& event, const EventHandles& handles, Milliseconds wall_offset) {
  const auto shown_time = [wall_offset](Timestamp time) { return to_ms(to_wall(time, wall_offset)); };
  json::object shown;
  shown["event"] = delivery::log_name(event.delay_id);
  shown["handle"] = handles.handle_of(event.delay_id);
  shown["user_id"] = event.event->user_id.value;
  shown["room_id"] = event.event->room_id.value;
  shown["type"] = event.event->type;
  shown["state"] = name_of(event.state);
  shown["delayed_since_ts"] = shown_time(event.timing.delayed_since);
  shown["delay_ms"] = event.timing.delay.count();
  shown["due_ts"] = shown_time(event.timing.due());
  if (!event.finalised) return shown;
  shown["finalised_ts"] = shown_time(event.finalised->finalised_ts);
  std::visit(Overloaded{[&](const domain::EventId& event_id) { shown["event_id"] = event_id.value; },
                        [&](const domain::HomeserverError& error) { shown["failure"] = shown_error(error); },
                        [](const domain::Cancelled&) {}},
             event.finalised->outcome);
  return shown;
}

}  // namespace afterword::monitoring
