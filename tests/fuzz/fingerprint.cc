// homeserver/fingerprint: an event in a room is taken for an attempt's only if it is one.
//
// The input: the kind, the type, the state key or what it redacts, the content; then an event as the homeserver shows
// it.
#include "homeserver/fingerprint.h"

#include "base/encoding.h"
#include "base/json.h"
#include "base/json_text.h"
#include "require.h"
#include "targets.h"

#include <string>

namespace afterword::fuzz {
namespace {

using domain::EventKind;
using homeserver::Fingerprint;

constexpr std::int64_t attempt_ts = 1'234'567;

domain::EventToSend read_event(std::string_view& input) {
  domain::EventToSend event;
  const std::string_view kind = take_line(input);
  event.kind = kind == "s" ? EventKind::state : kind == "r" ? EventKind::redaction : EventKind::message;
  event.user_id = domain::UserId("@a:b");
  event.room_id = domain::RoomId("!r:b");
  event.type = take_line(input);
  const std::string key(take_line(input));
  if (event.kind == EventKind::state) event.state_key = key;
  if (event.kind == EventKind::redaction) event.redacts = domain::EventId(key);
  event.content = take_line(input);
  return event;
}

// As a homeserver makes it.
json::object made_of(const domain::EventToSend& event, const json::object& content) {
  json::object made{{"sender", event.user_id.value}, {"type", homeserver::type_of(event)}, {"content", content}};
  made["origin_server_ts"] = attempt_ts;
  if (event.kind == EventKind::state) made["state_key"] = event.state_key;
  if (event.kind == EventKind::redaction) made["redacts"] = event.redacts.value;
  return made;
}

Fingerprint::Match match_of(const Fingerprint& print, const json::object& event) {
  const std::string text = to_text(event);
  return print.match(*JsonText::read(text));
}

}  // namespace

void fingerprint(std::string_view input) {
  const domain::EventToSend event = read_event(input);
  // What is not UTF-8 is in no event.
  for (const std::string& text : {event.type, event.state_key, event.redacts.value}) {
    if (!is_valid_utf8(text)) return;
  }
  const domain::DelayId delay_id;
  const Fingerprint print(delay_id, event, domain::Attempt{wall_from_ms(attempt_ts), false});

  if (const auto content = parse_json_object(event.content)) {
    json::object made = made_of(event, *content);
    if (event.kind != EventKind::redaction || !content->contains("redacts")) {
      require(match_of(print, made) == Fingerprint::Match::alike, "what an attempt made is found");
      made["unsigned"] = json::object{{"transaction_id", delay_id.to_string()}};
      require(match_of(print, made) == Fingerprint::Match::exact, "its transaction tells for certain");
    }
    made["sender"] = "@c:b";
    require(match_of(print, made) == Fingerprint::Match::no, "another's event is not ours");
  }

  const auto shown = parse_json_object(input);
  if (!shown) return;
  const auto match = print.match(*JsonText::read(input));
  if (match == Fingerprint::Match::no) return;
  require(string_member(*shown, "sender") == event.user_id.value, "ours is of its owner");
  require(string_member(*shown, "type") == homeserver::type_of(event), "ours is of its type");
}

}  // namespace afterword::fuzz
