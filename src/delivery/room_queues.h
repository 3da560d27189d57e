// Who is next: the events whose time has come, in a queue for each room. A room has one turn at a time, for its first
// event; which room is next is decided by whose first event is the earliest. A room may pause without holding up
// others. What has held up its room for too long is set aside, into a queue of its own.
//
// Turns are counted, those for what is new apart from those for what was tried before, and each owner has a share of
// either (shares.h), so that nobody waits for what others repeat, or for how slow theirs is. Pure: it knows no time and
// sends nothing.
#pragma once

#include "base/time.h"
#include "delivery/shares.h"
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

// Where events wait for each other.
struct Lane {
  domain::RoomId room_id;
  std::optional<domain::DelayId> aside = std::nullopt;  // of the room, this event alone

  friend bool operator==(const Lane&, const Lane&) = default;
};

enum class TurnKind : std::uint8_t { fresh, retry };

struct Turn {
  Lane lane;
  QueuedEvent event;
  TurnKind kind = TurnKind::fresh;
};

class RoomQueues {
 public:
  RoomQueues(Share fresh, Share retries) : pools_{Pool(fresh), Pool(retries)} {}

  // An event that is queued with the same due time already stays there once.
  void push(const Lane& lane, QueuedEvent event);

  // The next turn of that kind, of a lane that has events, and neither a turn nor a pause; only if it is due by
  // `until`. It ends with end() or put_back().
  std::optional<Turn> take(TurnKind kind, Timestamp until);
  // Whether nothing has been queued meanwhile that goes before the event whose turn it is.
  bool is_first(const Lane& lane, const QueuedEvent& event) const;
  // The event leaves the queue.
  void end(const Turn& turn);
  // The event stays, under way or not. One that was queued meanwhile as the other stays beside it: an attempt on
  // request may have begun while the turn by time was being prepared.
  void put_back(const Turn& turn, bool under_way);

  // No turns for this lane until resume(). Answers how many pauses it has had since an event left its queue, this one
  // included; nothing if it is pausing already.
  std::optional<unsigned> pause(const Lane& lane);
  void resume(const Lane& lane);

  // Takes out all that wait for their first turn.
  std::vector<QueuedEvent> take_fresh();

 private:
  struct Key {  // an event is in one lane only, so events tell the lanes apart
    Timestamp due;
    domain::DelayId delay_id;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  static Key key_of(const QueuedEvent& event) { return {event.due, event.delay_id}; }
  struct ByTurn {
    bool operator()(const QueuedEvent& a, const QueuedEvent& b) const;
  };
  struct LaneHash {
    std::size_t operator()(const Lane& lane) const;
  };
  struct Queue {
    std::set<QueuedEvent, ByTurn> events;
    std::optional<Key> turn;  // of the event whose turn it is
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
    explicit Pool(Share share_) : share(share_) {}
    Share share;
    std::size_t held = 0;
    std::unordered_map<domain::UserId, Owner> owners;  // who have candidates or hold turns
    std::map<Key, domain::UserId> next;                // the owners, by the first of their candidates
  };

  Pool& pool(TurnKind kind) { return pools_[static_cast<std::size_t>(kind)]; }
  static TurnKind kind_of(const Lane& lane, const QueuedEvent& event);
  void add_candidate(Lanes::value_type& lane);
  void remove_candidate(Lanes::value_type& lane);
  void update_candidate(Lanes::value_type& lane);
  void give_back(const Turn& turn);
  void erase_if_idle(const Lane& lane);

  Lanes lanes_;  // those with events, a turn or a pause
  std::array<Pool, 2> pools_;
};

// A turn that was taken: ended by end(), else put back as it is, however its holder ends.
class HeldTurn {
 public:
  HeldTurn(RoomQueues& queues, Turn turn) : queues_(&queues), turn_(std::move(turn)) {}
  HeldTurn(HeldTurn&& other) noexcept : queues_(std::exchange(other.queues_, nullptr)), turn_(std::move(other.turn_)) {}
  HeldTurn& operator=(HeldTurn&&) = delete;
  ~HeldTurn() { put_back(); }

  bool is_held() const { return queues_ != nullptr; }
  const Lane& lane() const { return turn_.lane; }
  const QueuedEvent& event() const { return turn_.event; }

  void end() {
    if (auto* queues = std::exchange(queues_, nullptr)) queues->end(turn_);
  }
  void put_back() { put_back(turn_.event.under_way); }
  void move_to(const Lane& lane, bool under_way) {
    if (lane == turn_.lane) {
      put_back(under_way);
    } else if (auto* queues = std::exchange(queues_, nullptr)) {
      queues->end(turn_);
      turn_.event.under_way = under_way;
      queues->push(lane, turn_.event);
    }
  }
  void put_back(bool under_way) {
    if (auto* queues = std::exchange(queues_, nullptr)) queues->put_back(turn_, under_way);
  }

 private:
  RoomQueues* queues_;  // none once it has ended
  Turn turn_;
};

}  // namespace afterword::delivery
