#include "delivery/room_queues.h"

#include <tuple>

namespace afterword::delivery {

bool RoomQueues::ByTime::operator()(const QueuedEvent& a, const QueuedEvent& b) const {
  return std::tie(a.due, a.delay_id) < std::tie(b.due, b.delay_id);
}

bool RoomQueues::ByTurn::operator()(const QueuedEvent& a, const QueuedEvent& b) const {
  if (a.under_way != b.under_way) return a.under_way;
  return ByTime{}(a, b);
}

void RoomQueues::push(const domain::RoomId& room_id, QueuedEvent event) {
  Rooms::value_type& room = *rooms_.try_emplace(room_id).first;
  room.second.events.insert(event);
  update_candidate(room);
}

std::optional<Turn> RoomQueues::take(Timestamp until) {
  if (candidates_.empty() || candidates_.begin()->first.due > until) return std::nullopt;
  const auto [event, room] = *candidates_.begin();
  room->second.has_turn = true;
  update_candidate(*room);
  return Turn{room->first, event};
}

void RoomQueues::end(const Turn& turn) {
  Rooms::value_type& room = *rooms_.find(turn.room_id);
  room.second.has_turn = false;
  room.second.pauses = 0;
  room.second.events.erase(turn.event);
  update_candidate(room);
  if (room.second.events.empty() && !room.second.pausing) rooms_.erase(turn.room_id);
}

void RoomQueues::put_back(const Turn& turn) {
  Rooms::value_type& room = *rooms_.find(turn.room_id);
  room.second.has_turn = false;
  QueuedEvent before = turn.event;
  before.under_way = !turn.event.under_way;
  room.second.events.erase(before);
  room.second.events.insert(turn.event);
  update_candidate(room);
}

std::optional<unsigned> RoomQueues::pause(const domain::RoomId& room_id) {
  Rooms::value_type& room = *rooms_.try_emplace(room_id).first;
  if (room.second.pausing) return std::nullopt;
  room.second.pausing = true;
  update_candidate(room);
  return ++room.second.pauses;
}

void RoomQueues::resume(const domain::RoomId& room_id) {
  Rooms::value_type& room = *rooms_.find(room_id);
  room.second.pausing = false;
  update_candidate(room);
  if (room.second.events.empty()) rooms_.erase(room_id);
}

void RoomQueues::update_candidate(Rooms::value_type& room) {
  auto& [room_id, queue] = room;
  if (queue.candidate) candidates_.erase(*queue.candidate);
  queue.candidate.reset();
  if (queue.has_turn || queue.pausing || queue.events.empty()) return;
  queue.candidate = *queue.events.begin();
  candidates_.emplace(*queue.candidate, &room);
}

}  // namespace afterword::delivery
