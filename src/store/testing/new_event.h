// A delayed event for a test of a store, to be changed as it needs it.
#pragma once

#include "domain/delayed_event.h"

#include <chrono>
#include <utility>

namespace afterword::store::testing {

inline constexpr Timestamp noon = from_ms(1'800'000'000'000);
inline constexpr WallTime wall_noon = wall_from_ms(1'800'000'000'000);
inline const domain::UserId alice("@alice:example.org");

inline domain::NewDelayedEvent new_event(domain::UserId user_id = alice, Milliseconds delay = std::chrono::seconds(10),
                                         Timestamp since = noon) {
  domain::NewDelayedEvent event;
  event.delay_id = domain::DelayId::random();
  event.event.user_id = std::move(user_id);
  event.event.room_id = domain::RoomId("!kitchen:example.org");
  event.event.type = "m.room.message";
  event.event.content = R"({"body":"hello"})";
  event.timing = {since, delay};
  return event;
}

}  // namespace afterword::store::testing
