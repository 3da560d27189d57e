#include "homeserver/fingerprint.h"

namespace afterword::homeserver {
namespace {

using domain::EventKind;

bool is_redacted(const json::object* unsigned_data) {
  return unsigned_data && (unsigned_data->contains("redacted_because") || unsigned_data->contains("redacted_by"));
}

}  // namespace

std::string type_of(const domain::EventToSend& event) {
  return event.kind == EventKind::redaction ? "m.room.redaction" : event.type;
}

Fingerprint::Fingerprint(const domain::DelayId& delay_id, const domain::EventToSend& event,
                         const domain::Attempt& attempt)
    : transaction_(delay_id.to_string()),
      event_(event),
      origin_server_ts_(to_ms(attempt.origin_server_ts)),
      content_(parse_json_object(event.content)) {}

Fingerprint::Match Fingerprint::match(const json::object& event) const {
  if (string_member(event, "sender") != event_.user_id.value || string_member(event, "type") != type_of(event_)) {
    return Match::no;
  }
  if (event_.kind == EventKind::redaction) {
    if (!redacts_the_same(event)) return Match::no;
  } else {
    const json::value* time = event.if_contains("origin_server_ts");
    if (!time || !time->is_int64() || time->get_int64() != origin_server_ts_) return Match::no;
  }
  const auto state_key = string_member(event, "state_key");
  if (state_key.has_value() != (event_.kind == EventKind::state)) return Match::no;
  if (state_key && *state_key != event_.state_key) return Match::no;

  const json::object* unsigned_data = object_member(event, "unsigned");
  const auto transaction = unsigned_data ? string_member(*unsigned_data, "transaction_id") : std::nullopt;
  if (transaction) return *transaction == transaction_ ? Match::exact : Match::no;
  // A redaction takes the content away. At that millisecond, of that sender and type, it is taken for ours.
  const bool same = event_.kind == EventKind::redaction || is_redacted(unsigned_data) || has_content(event);
  return same ? Match::alike : Match::no;
}

bool Fingerprint::has_content(const json::object& event) const {
  const json::object* content = object_member(event, "content");
  if (!content || !content_) return false;
  // Homeservers add the owner's profile to a membership.
  if (event_.type == "m.room.member") {
    return string_member(*content, "membership") == string_member(*content_, "membership");
  }
  return *content == *content_;
}

bool Fingerprint::redacts_the_same(const json::object& event) const {
  // Where `redacts` stands depends on the room's version, and Dendrite makes a reason of none an empty one.
  static const json::object none;
  const json::object* found = object_member(event, "content");
  const json::object& content = found ? *found : none;
  const auto in_content = string_member(content, "redacts");
  const auto redacts = in_content ? in_content : string_member(event, "redacts");
  const auto reason = [](const json::object& from) { return string_member(from, "reason").value_or(""); };
  return redacts == event_.redacts.value && reason(content) == reason(content_.value_or(none));
}

}  // namespace afterword::homeserver
