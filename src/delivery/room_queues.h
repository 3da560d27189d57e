// Who is next: the events whose time has come, in a queue for each room. A room has one turn at a time, for its first
// event; which room is next is decided by whose first event is the earliest. A room may pause without holding up
// others. What has held up its room for too long goes on beside it, in a lane of its own: set aside until it is tried
// again, or while its answer is waited for.
//
// Turns are counted, those for what is new apart from those for what was tried before, and each owner has a share of
// either (owner_share.h), so that nobody waits for what others repeat, or for how slow theirs is. Pure: it knows no
// time and sends nothing.
#pragma once

#include "base/time.h"
#include "delivery/owner_share.h"
#include "domain/ids.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace afterword::delivery {

struct QueuedEvent {
  Timestamp due;
  domain::DelayId delay_id;
  domain::UserId owner;
  bool under_way = false;  // an attempt has begun, and is to be continued: first in its room
};

// Where events wait for each other: those of a room, or one of them alone, beside the others.
struct Lane {
  domain::RoomId room_id;
  std::optional<domain::DelayId> beside = std::nullopt;  // the event that is alone

  friend bool operator==(const Lane&, const Lane&) = default;
};

enum class TurnKind : std::uint8_t { fresh, retry };

struct Turn {
  Lane lane;
  QueuedEvent event;
  TurnKind kind = TurnKind::fresh;
  unsigned pauses = 0;            // of its lane, since an event last left it
  std::uint64_t wait_number = 0;  // of its wait beside its room, if it is one
};

class RoomQueues {
 public:
  RoomQueues(OwnerShare fresh, OwnerShare retries) : pools_{Pool(fresh), Pool(retries)} {}

  // An event that is queued with the same due time already stays there once. As one that is under way it has a place
  // beside that: an attempt on request may have begun while its turn by time was being prepared.
  void push(const Lane& lane, QueuedEvent event);

  // The next turn of that kind, of a lane that has events, and neither a turn nor a pause; only if it is due by
  // `until`. It ends with end() or put_back().
  std::optional<Turn> take_turn(TurnKind kind, Timestamp until);
  // Whether nothing has been queued meanwhile that goes before the event whose turn it is.
  bool is_first(const Lane& lane, const QueuedEvent& event) const;
  // The event leaves the queue.
  void end(const Turn& turn);
  // The event stays as it is.
  void put_back(const Turn& turn);

  // The event goes on beside its room, with a turn and a place of those for retries. Its room gives no turn until that
  // one has ended, or go_on_without(). Nothing: there is no such place, and all stays as it is.
  std::optional<Turn> wait_beside_room(const Turn& turn);
  // The room waits no longer for an event that waits beside it.
  void go_on_without(const Turn& beside);

  // No turns for this lane until resume(). False: it is pausing already.
  bool pause(const Lane& lane);
  void resume(const Lane& lane);

  std::size_t size() const;

  // Some of the events, in no order, with those whose turn it is.
  std::vector<QueuedEvent> some(std::size_t limit) const;

  // Takes out all that wait for their first turn.
  std::vector<QueuedEvent> take_fresh();

 private:
  struct Key {  // no two lanes have first events with the same one
    Timestamp due;
    domain::DelayId delay_id;
    bool is_beside;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  static Key key_of(const Lane& lane, const QueuedEvent& event) {
    return {event.due, event.delay_id, lane.beside.has_value()};
  }
  struct ByTurn {
    bool operator()(const QueuedEvent& a, const QueuedEvent& b) const;
  };
  struct LaneHash {
    std::size_t operator()(const Lane& lane) const;
  };
  struct Queue {
    std::set<QueuedEvent, ByTurn> events;
    std::optional<Key> turn;      // of the event whose turn it is
    std::uint64_t waits_for = 0;  // the number of the wait beside it whose end it awaits
    bool pausing = false;
    unsigned pauses = 0;
    std::optional<QueuedEvent> candidate;  // the event by which it stands in its pool
    TurnKind candidate_kind = TurnKind::fresh;
  };
  using Lanes = std::unordered_map<Lane, Queue, LaneHash>;

  struct Owner {
    std::map<Key, Lanes::value_type*> candidates;  // the lanes that may have a turn, by their first event
    std::size_t held = 0;
  };
  struct Pool {
    explicit Pool(OwnerShare share_) : share(share_) {}
    OwnerShare share;
    std::size_t held = 0;
    std::unordered_map<domain::UserId, Owner> owners;  // who have candidates or hold turns
    std::map<Key, domain::UserId> next;                // the owners, by the first of their candidates
  };

  Pool& pool(TurnKind kind) { return pools_[static_cast<std::size_t>(kind)]; }
  static TurnKind kind_of(const Lane& lane, const QueuedEvent& event);
  Turn give(Lanes::value_type& lane, QueuedEvent event, TurnKind kind);
  bool has_place_for_retry(const domain::UserId& owner) const;
  void add_candidate(Lanes::value_type& lane);
  void remove_candidate(Lanes::value_type& lane);
  void update_candidate(Lanes::value_type& lane);
  void give_back(const Turn& turn);
  void erase_if_idle(const Lane& lane);

  Lanes lanes_;  // those with events, a turn or a pause, and those that wait
  std::array<Pool, 2> pools_;
  std::uint64_t waits_beside_rooms_ = 0;
};

}  // namespace afterword::delivery
