#include "delivery/room_queues.h"

#include <iterator>
#include <tuple>

namespace afterword::delivery {

bool RoomQueues::ByTurn::operator()(const QueuedEvent& a, const QueuedEvent& b) const {
  return std::tuple(!a.under_way, a.due, a.delay_id) < std::tuple(!b.under_way, b.due, b.delay_id);
}

std::size_t RoomQueues::LaneHash::operator()(const Lane& lane) const {
  const std::size_t room = std::hash<domain::RoomId>()(lane.room_id);
  return lane.beside ? room ^ std::hash<domain::DelayId>()(*lane.beside) : room;
}

TurnKind RoomQueues::kind_of(const Lane& lane, const QueuedEvent& event) {
  return event.under_way || lane.beside ? TurnKind::retry : TurnKind::fresh;
}

void RoomQueues::push(const Lane& lane, QueuedEvent event) {
  Lanes::value_type& entry = *lanes_.try_emplace(lane).first;
  entry.second.events.insert(std::move(event));
  update_candidate(entry);
}

std::optional<Turn> RoomQueues::take_turn(TurnKind kind, Timestamp until) {
  Pool& pool = this->pool(kind);
  if (pool.held >= pool.share.all) return std::nullopt;
  for (const auto& [key, owner_id] : pool.next) {  // passes over no more owners than hold turns
    if (key.due > until) return std::nullopt;
    Owner& owner = pool.owners.at(owner_id);
    if (!may_take(owner.held, pool.held, pool.share)) continue;
    Lanes::value_type& lane = *owner.candidates.begin()->second;
    return give(lane, *lane.second.candidate, kind);
  }
  return std::nullopt;
}

Turn RoomQueues::give(Lanes::value_type& lane, QueuedEvent event, TurnKind kind) {
  Pool& pool = this->pool(kind);
  ++pool.owners[event.owner].held;
  ++pool.held;
  lane.second.turn = key_of(lane.first, event);
  update_candidate(lane);
  return {lane.first, std::move(event), kind, lane.second.pauses};
}

std::optional<Turn> RoomQueues::wait_beside_room(const Turn& turn) {
  QueuedEvent event = turn.event;
  event.under_way = true;
  const Lane lane{turn.lane.room_id, event.delay_id};
  const auto there = lanes_.find(lane);
  const bool is_taken = there != lanes_.end() && there->second.turn;
  if (is_taken || !(turn.kind == TurnKind::retry || has_place_for_retry(event.owner))) return std::nullopt;

  lanes_.at(turn.lane).waits_for = ++waits_beside_rooms_;
  end(turn);
  Lanes::value_type& beside = *lanes_.try_emplace(lane).first;
  beside.second.events.insert(event);
  Turn given = give(beside, std::move(event), TurnKind::retry);
  given.wait_number = waits_beside_rooms_;
  return given;
}

void RoomQueues::go_on_without(const Turn& beside) {
  const auto room = lanes_.find(Lane{beside.lane.room_id});
  if (beside.wait_number == 0 || room == lanes_.end() || room->second.waits_for != beside.wait_number) return;
  room->second.waits_for = 0;
  update_candidate(*room);
  erase_if_idle(Lane(room->first));
}

bool RoomQueues::has_place_for_retry(const domain::UserId& owner_id) const {
  const Pool& pool = pools_[static_cast<std::size_t>(TurnKind::retry)];
  const auto owner = pool.owners.find(owner_id);
  return may_take(owner == pool.owners.end() ? 0 : owner->second.held, pool.held, pool.share);
}

bool RoomQueues::is_first(const Lane& lane, const QueuedEvent& event) const {
  return !ByTurn()(*lanes_.at(lane).events.begin(), event);
}

void RoomQueues::give_back(const Turn& turn) {
  go_on_without(turn);
  Pool& pool = this->pool(turn.kind);
  --pool.held;
  const auto owner = pool.owners.find(turn.event.owner);
  if (--owner->second.held == 0 && owner->second.candidates.empty()) pool.owners.erase(owner);
}

void RoomQueues::end(const Turn& turn) {
  give_back(turn);
  Lanes::value_type& lane = *lanes_.find(turn.lane);
  lane.second.turn.reset();
  lane.second.pauses = 0;
  lane.second.events.erase(turn.event);
  update_candidate(lane);
  erase_if_idle(turn.lane);
}

void RoomQueues::put_back(const Turn& turn) {
  give_back(turn);
  Lanes::value_type& lane = *lanes_.find(turn.lane);
  lane.second.turn.reset();
  update_candidate(lane);
}

bool RoomQueues::pause(const Lane& lane) {
  Lanes::value_type& entry = *lanes_.try_emplace(lane).first;
  if (entry.second.pausing) return false;
  entry.second.pausing = true;
  update_candidate(entry);
  ++entry.second.pauses;
  return true;
}

void RoomQueues::resume(const Lane& lane) {
  Lanes::value_type& entry = *lanes_.find(lane);
  entry.second.pausing = false;
  update_candidate(entry);
  erase_if_idle(lane);
}

std::vector<QueuedEvent> RoomQueues::take_fresh() {
  std::vector<QueuedEvent> taken;
  for (auto next = lanes_.begin(); next != lanes_.end();) {
    Lanes::value_type& lane = *next++;
    Queue& queue = lane.second;
    if (lane.first.beside) continue;
    for (auto event = queue.events.begin(); event != queue.events.end();) {
      const bool waits = !event->under_way && queue.turn != key_of(lane.first, *event);
      if (waits) taken.push_back(*event);
      event = waits ? queue.events.erase(event) : std::next(event);
    }
    update_candidate(lane);
    erase_if_idle(Lane(lane.first));
  }
  return taken;
}

std::size_t RoomQueues::size() const {
  std::size_t events = 0;
  for (const auto& lane : lanes_) events += lane.second.events.size();
  return events;
}

std::vector<QueuedEvent> RoomQueues::some(std::size_t limit) const {
  std::vector<QueuedEvent> found;
  for (const auto& [lane, queue] : lanes_) {
    for (const QueuedEvent& event : queue.events) {
      if (found.size() == limit) return found;
      found.push_back(event);
    }
  }
  return found;
}

void RoomQueues::erase_if_idle(const Lane& lane) {
  const auto found = lanes_.find(lane);
  const Queue& queue = found->second;
  if (queue.events.empty() && !queue.pausing && !queue.turn && queue.waits_for == 0) lanes_.erase(found);
}

void RoomQueues::update_candidate(Lanes::value_type& lane) {
  Queue& queue = lane.second;
  if (queue.candidate) remove_candidate(lane);
  if (!queue.turn && !queue.pausing && queue.waits_for == 0 && !queue.events.empty()) add_candidate(lane);
}

void RoomQueues::add_candidate(Lanes::value_type& lane) {
  Queue& queue = lane.second;
  queue.candidate = *queue.events.begin();
  queue.candidate_kind = kind_of(lane.first, *queue.candidate);
  Pool& pool = this->pool(queue.candidate_kind);
  Owner& owner = pool.owners[queue.candidate->owner];
  if (!owner.candidates.empty()) pool.next.erase(owner.candidates.begin()->first);
  owner.candidates.emplace(key_of(lane.first, *queue.candidate), &lane);
  pool.next.emplace(owner.candidates.begin()->first, queue.candidate->owner);
}

void RoomQueues::remove_candidate(Lanes::value_type& lane) {
  Queue& queue = lane.second;
  Pool& pool = this->pool(queue.candidate_kind);
  const auto owner = pool.owners.find(queue.candidate->owner);
  pool.next.erase(owner->second.candidates.begin()->first);
  owner->second.candidates.erase(key_of(lane.first, *queue.candidate));
  if (!owner->second.candidates.empty()) {
    pool.next.emplace(owner->second.candidates.begin()->first, owner->first);
  } else if (owner->second.held == 0) {
    pool.owners.erase(owner);
  }
  queue.candidate.reset();
}

}  // namespace afterword::delivery
