#include "homeserver/fingerprint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace afterword::homeserver {
namespace {

using domain::EventKind;

bool says(const std::optional<JsonText>& value, std::string_view expected) { return value && value->is(expected); }

json::object object_in(const std::optional<JsonText>& value) {
  return value ? parse_json_object(value->text()).value_or(json::object()) : json::object();
}

std::optional<double> number(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  return value.to_number<double>();
}

bool is_same(const json::value& ours, const json::value& shown) {
  if (ours == shown) return true;
  const auto a = number(ours);
  const auto b = number(shown);
  // Boost.JSON reads a fraction to the last bit or two, and homeservers write it in their own way.
  constexpr double relative_error = 1e-14;
  if (a && b) return std::abs(*a - *b) <= relative_error * std::max(std::abs(*a), std::abs(*b));
  if (ours.is_array() && shown.is_array()) return std::ranges::equal(ours.get_array(), shown.get_array(), is_same);
  if (!ours.is_object() || !shown.is_object() || ours.get_object().size() != shown.get_object().size()) return false;
  return std::ranges::all_of(ours.get_object(), [&shown](const json::key_value_pair& member) {
    const json::value* const other = shown.get_object().if_contains(member.key());
    return other != nullptr && is_same(member.value(), *other);
  });
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

// What costs a tree comes last, when little but a match has come so far.
Fingerprint::Match Fingerprint::match(const JsonText& event) const {
  const auto [sender, type, time, state_key, redacts, content, unsigned_data] =
      event.members(std::array<std::string_view, 7>{"sender", "type", "origin_server_ts", "state_key", "redacts",
                                                    "content", "unsigned"});
  if (!says(sender, event_.user_id.value) || !says(type, type_of(event_))) return Match::no;
  const bool is_redaction = event_.kind == EventKind::redaction;
  if (!is_redaction && (!time || time->integer() != origin_server_ts_)) return Match::no;
  const bool has_state_key = state_key && state_key->string();
  if (has_state_key != (event_.kind == EventKind::state)) return Match::no;
  if (has_state_key && !state_key->is(event_.state_key)) return Match::no;
  if (is_redaction && !redacts_the_same(redacts, object_in(content))) return Match::no;

  bool is_redacted = false;
  if (unsigned_data) {
    const auto [transaction, redacted_because, redacted_by] =
        unsigned_data->members(std::array<std::string_view, 3>{"transaction_id", "redacted_because", "redacted_by"});
    if (transaction && transaction->string()) return transaction->is(transaction_) ? Match::exact : Match::no;
    is_redacted = redacted_because || redacted_by;
  }
  // A redaction takes the content away. At that millisecond, of that sender and type, it is taken for ours.
  const bool same = is_redaction || is_redacted || (content && content->is_object() && has_content(object_in(content)));
  return same ? Match::alike : Match::no;
}

bool Fingerprint::has_content(const json::object& content) const {
  if (!content_) return false;
  // Homeservers add the owner's profile to a membership.
  if (event_.type == "m.room.member") {
    return string_member(content, "membership") == string_member(*content_, "membership");
  }
  return is_same(*content_, content);
}

bool Fingerprint::redacts_the_same(const std::optional<JsonText>& at_the_event, const json::object& content) const {
  // Where `redacts` stands depends on the room's version, and Dendrite makes a reason of none an empty one.
  const auto in_content = string_member(content, "redacts");
  const auto redacts = in_content ? in_content : (at_the_event ? at_the_event->string() : std::nullopt);
  const auto reason = [](const json::object& from) { return string_member(from, "reason").value_or(""); };
  return redacts == event_.redacts.value && reason(content) == reason(content_.value_or(json::object()));
}

}  // namespace afterword::homeserver
