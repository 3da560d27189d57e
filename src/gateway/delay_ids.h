// unsigned.delay_id (docs/protocol.md section 6): tells the sender of a delayed event, in the homeserver's answers,
// which delay_id the event came from. Two pure steps, so that the store can be asked in between; the rest of an answer
// stays byte for byte the same, and one that is not JSON stays as it is.
//
// Which answers are worth a look: gateway/event_answers.h.
#pragma once

#include "domain/ids.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace afterword::gateway {

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Where in an answer the members of an event's `unsigned` belong: in the place of `place`, between `before` and
// `after`. A member that the homeserver has put there keeps its place and takes our value.
struct UnsignedMembers {
  Range place;
  std::string_view before;  // a literal, as is `after`
  std::string_view after;
  std::array<std::optional<Range>, 2> present_values;  // of org.matrix.msc4140.delay_id and delay_id
};

struct OwnEvent {
  domain::EventId event_id;
  UnsignedMembers members;
};

// The events in `body` that `sender` sent, wherever they stand: every object with the string members event_id and
// sender. What users write is not looked into: `content` and `prev_content`. An event is left out if its `unsigned` is
// neither an object nor null nor absent. Of duplicate keys the last one counts. Takes linear time and allocates for
// what it finds.
std::vector<OwnEvent> find_own_events(std::string_view body, const domain::UserId& sender);

using DelayIds = std::unordered_map<domain::EventId, domain::DelayId>;

// The same body with the delay_ids of those `events` that have one. `events` were found in this very body.
std::string show_delay_ids(std::string body, const std::vector<OwnEvent>& events, const DelayIds& delay_ids);

}  // namespace afterword::gateway
