// What can be said against an event before it is sent, without knowing its room (docs/protocol.md section 1; Matrix
// client-server API, "Size limits", and appendix "Canonical JSON").
#pragma once

#include "base/json.h"
#include "domain/delayed_event.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::domain {

inline constexpr std::size_t max_event_bytes = 65'536;
inline constexpr std::size_t max_key_bytes = 255;  // of user, room and event ids, types and state keys

enum class Fault : std::uint8_t {
  malformed,  // no homeserver could accept it: a number that canonical JSON does not allow, a member without membership
  no_id,      // what names the room, the event or the type cannot be one
  too_large,
};

struct EventFault {
  Fault fault;
  std::string description;  // for the client
};

// Whether a room can have this id: "!opaque:server", or from room version 12 on "!" and a hash.
bool is_room_id(std::string_view text);

// Nothing: there is nothing against it yet. The room's rules apply when it is sent. `content` is `event.content`,
// parsed.
std::optional<EventFault> check_event(const EventToSend& event, const json::object& content);

}  // namespace afterword::domain
