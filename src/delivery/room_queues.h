// Who is next: the events whose time has come, in a queue for each room. A room has one turn at a time, for its first
// event; which room is next is decided by whose first event is the earliest. A room may pause without holding up
// others. Pure: it knows no time and sends nothing.
#pragma once

#include "base/time.h"
#include "domain/ids.h"

#include <map>
#include <optional>
#include <set>
#include <unordered_map>

namespace afterword::delivery {

struct QueuedEvent {
  Timestamp due;
  domain::DelayId delay_id;
  bool under_way = false;  // an attempt has begun, and is to be continued: first in its room
};

struct Turn {
  domain::RoomId room_id;
  QueuedEvent event;
};

class RoomQueues {
 public:
  // An event that is queued with the same due time already stays there once.
  void push(const domain::RoomId& room_id, QueuedEvent event);

  // The next turn, of a room that has events, and neither a turn nor a pause; only if it is due by `until`. It ends
  // with end() or put_back().
  std::optional<Turn> take(Timestamp until);
  // The event leaves the queue.
  void end(const Turn& turn);
  // The event stays; `turn.event.under_way` may have changed.
  void put_back(const Turn& turn);

  // No turns for this room until resume(). Answers how many pauses it has had since an event left its queue, this one
  // included; nothing if it is pausing already.
  std::optional<unsigned> pause(const domain::RoomId& room_id);
  void resume(const domain::RoomId& room_id);

 private:
  // An event is in one room only, so events tell the rooms apart.
  struct ByTime {
    bool operator()(const QueuedEvent& a, const QueuedEvent& b) const;
  };
  struct ByTurn {
    bool operator()(const QueuedEvent& a, const QueuedEvent& b) const;
  };
  struct Room {
    std::set<QueuedEvent, ByTurn> events;
    bool has_turn = false;
    bool pausing = false;
    unsigned pauses = 0;
    std::optional<QueuedEvent> candidate;  // the event by which it stands in candidates_
  };
  using Rooms = std::unordered_map<domain::RoomId, Room>;

  void update_candidate(Rooms::value_type& room);

  Rooms rooms_;  // those with events
  std::map<QueuedEvent, Rooms::value_type*, ByTime>
      candidates_;  // the rooms that may have a turn, by their first event
};

}  // namespace afterword::delivery
