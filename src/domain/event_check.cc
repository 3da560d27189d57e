#include "domain/event_check.h"

namespace afterword::domain {
namespace {

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

std::optional<EventFault> check_event(const EventToSend& event, const json::object& content) {
  if (event.room_id.value.size() > max_key_bytes) return EventFault{Fault::too_large, "The room ID is over 255 bytes"};
  if (event.redacts.value.size() > max_key_bytes) return EventFault{Fault::too_large, "The event ID is over 255 bytes"};
  if (event.type.size() > max_key_bytes) return EventFault{Fault::too_large, "The event type is over 255 bytes"};
  if (event.state_key.size() > max_key_bytes) return EventFault{Fault::too_large, "The state key is over 255 bytes"};

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
