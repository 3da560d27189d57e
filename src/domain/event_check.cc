#include "domain/event_check.h"

#include <algorithm>

namespace afterword::domain {
namespace {

constexpr std::size_t hash_length = 43;  // of SHA-256 in base64url

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter_or_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_hash(std::string_view text) {
  const auto is_base64url = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; };
  return text.size() == hash_length && std::ranges::all_of(text, is_base64url);
}

// A host name, an IPv4 address, or an IPv6 address in brackets; perhaps with a port.
bool is_server_name(std::string_view text) {
  const auto is_of_name = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; };
  const auto is_of_ipv6 = [](char c) { return is_letter_or_digit(c) || c == ':' || c == '.'; };
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || !std::ranges::all_of(text.substr(1, end - 1), is_of_ipv6)) return false;
    port = text.substr(end + 1);
    if (end == 1) return false;
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    if (end == 0 || !std::ranges::all_of(text.substr(0, end), is_of_name)) return false;
    port = text.substr(end);
  }
  if (port.empty()) return true;
  return port.size() >= 2 && port.size() <= 6 && port.front() == ':' && std::ranges::all_of(port.substr(1), is_digit);
}

// "$opaque:server" in the first room versions, "$hash" since.
bool is_event_id(std::string_view text) {
  return text.size() > 1 && text.front() == '$' && std::ranges::none_of(text, is_control);
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// Whoever stands before the homeserver folds a path with such a segment, however it is encoded, so that nothing with
// this in its path can be sent.
bool has_dot_segment(std::string_view text) {
  while (true) {
    const std::size_t end = std::min(text.find('/'), text.size());
    const std::string_view segment = text.substr(0, end);
    if (segment == "." || segment == "..") return true;
    if (end == text.size()) return false;
    text.remove_prefix(end + 1);
  }
}

// Who sends what has no such name would be told that there is no such endpoint.
std::optional<EventFault> check_names(const EventToSend& event) {
  if (event.room_id.value.size() > max_key_bytes) return EventFault{Fault::too_large, "The room ID is over 255 bytes"};
  if (event.redacts.value.size() > max_key_bytes) return EventFault{Fault::too_large, "The event ID is over 255 bytes"};
  if (event.type.size() > max_key_bytes) return EventFault{Fault::too_large, "The event type is over 255 bytes"};
  if (event.state_key.size() > max_key_bytes) return EventFault{Fault::too_large, "The state key is over 255 bytes"};
  if (!is_room_id(event.room_id.value)) return EventFault{Fault::no_id, "This is not a room ID"};
  if (event.kind == EventKind::redaction && !is_event_id(event.redacts.value)) {
    return EventFault{Fault::no_id, "This is not an event ID"};
  }
  if (event.type.empty()) return EventFault{Fault::no_id, "The event type is empty"};
  if (has_nul(event.type) || has_nul(event.state_key)) {
    return EventFault{Fault::no_id, "The event type or state key holds a NUL"};
  }
  for (const std::string* name : {&event.room_id.value, &event.redacts.value, &event.type, &event.state_key}) {
    if (has_dot_segment(*name))
      return EventFault{Fault::no_id, "The room ID, event type, state key or event ID holds a path segment . or .."};
  }
  return std::nullopt;
}

// Canonical JSON knows integers within ±(2^53 - 1), and no other numbers. The recursion is bounded by max_json_depth.
bool has_only_canonical_numbers(const json::value& value) {
  switch (value.kind()) {
    case json::kind::int64:
      return value.get_int64() <= max_json_integer && value.get_int64() >= -max_json_integer;
    case json::kind::uint64:
    case json::kind::double_:
      return false;  // Boost.JSON parses into uint64 only what int64 cannot hold
    case json::kind::array:
      for (const json::value& element : value.get_array()) {
        if (!has_only_canonical_numbers(element)) return false;
      }
      return true;
    case json::kind::object:
      for (const json::key_value_pair& member : value.get_object()) {
        if (!has_only_canonical_numbers(member.value())) return false;
      }
      return true;
    default:
      return true;
  }
}

}  // namespace

bool is_room_id(std::string_view text) {
  if (!text.starts_with('!')) return false;
  text.remove_prefix(1);
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return is_hash(text);
  const std::string_view opaque = text.substr(0, colon);
  return !opaque.empty() && std::ranges::none_of(opaque, is_control) && is_server_name(text.substr(colon + 1));
}

std::optional<EventFault> check_event(const EventToSend& event, const json::object& content) {
  if (auto fault = check_names(event)) return fault;

  for (const json::key_value_pair& member : content) {
    if (!has_only_canonical_numbers(member.value())) {
      return EventFault{Fault::malformed,
                        "The content holds a number that is not an integer between -(2^53)+1 and (2^53)-1"};
    }
  }

  // The homeserver adds hashes, signatures and references to earlier events, so it may refuse a little less than this.
  const std::size_t known_bytes = event.content.size() + event.type.size() + event.state_key.size() +
                                  event.user_id.value.size() + event.room_id.value.size();
  if (known_bytes > max_event_bytes) return EventFault{Fault::too_large, "The event is over 65,536 bytes"};

  if (event.kind == EventKind::state && event.type == "m.room.member" && !string_member(content, "membership")) {
    return EventFault{Fault::malformed, "The content of m.room.member lacks a membership"};
  }
  return std::nullopt;
}

}  // namespace afterword::domain
