// Who may go: gives turns to the events that are due, as their rooms' order, the number of sends at once, the owners'
// shares and the homeserver's health allow.
//
// A turn is for the first event of a room, or for one that goes on beside its room. For a new event an attempt is begun
// with it; an attempt that is under way and waits for it goes on. Nothing leaves while the homeserver is in an outage,
// or while events are adopted, for what is adopted may have to go first. Thread: the server's only one. No errors.
#pragma once

#include "async/condition.h"
#include "delivery/adoption_lock.h"
#include "delivery/context.h"
#include "delivery/due_events.h"
#include "delivery/homeserver_health.h"
#include "delivery/room_queues.h"

#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace afterword::delivery {

// The turn of a room's event, its place among the sends at once, and its part of its owner's share. However it ends,
// all three are given back; the event stays in its queue as it is, unless it is finished.
class [[nodiscard]] RoomTurn {
 public:
  // `changed` is notified when it ends.
  RoomTurn(RoomQueues& queues, async::Condition& changed, Turn turn)
      : queues_(&queues), changed_(changed), turn_(std::move(turn)) {}
  RoomTurn(RoomTurn&& other) noexcept
      : queues_(std::exchange(other.queues_, nullptr)), changed_(other.changed_), turn_(std::move(other.turn_)) {}
  RoomTurn& operator=(RoomTurn&&) = delete;
  ~RoomTurn() { end(&RoomQueues::put_back); }

  const Lane& lane() const { return turn_.lane; }
  const QueuedEvent& event() const { return turn_.event; }
  // How many turns of this lane in a row have come to nothing, if this one does too.
  unsigned failures() const { return turn_.pauses + 1; }

  // The event leaves its queue.
  void finish() { end(&RoomQueues::end); }

 private:
  friend class Dispatcher;

  void end(void (RoomQueues::*how)(const Turn&)) {
    auto* const queues = std::exchange(queues_, nullptr);
    if (queues == nullptr) return;
    (queues->*how)(turn_);
    changed_.notify_all();
  }

  RoomQueues* queues_;  // none once it has ended
  async::Condition& changed_;
  Turn turn_;
};

class Dispatcher {
 public:
  // `changed` is notified when any of those that it asks may let more go. `begin` starts the attempt for a new event.
  Dispatcher(Context& context, async::Condition& changed, DueEvents& due_events, const HomeserverHealth& health,
             const AdoptionLock& adoption_lock, std::function<void(RoomTurn)> begin);

  // An event waits for its turn, with a pause of its lane first.
  void queue(const Lane& lane, QueuedEvent event, Milliseconds pause = Milliseconds(0));

  // Goes on when it is the turn of this event, whose attempt is under way. Nothing: we are stopping.
  Task<std::optional<RoomTurn>> next_turn(Lane lane, QueuedEvent event, Milliseconds pause);

  // Whether a turn would also be given now. Since it was given, something earlier may have come, or an outage begun.
  bool may_go(const RoomTurn& turn) const;

  // The answer of the event whose turn it is, which is its room's, is waited for beside its room, with a place of those
  // for retries: its room waits no longer than this, and not beyond the turn. False: there is no such place, and the
  // turn stays as it is.
  bool wait_beside_room(RoomTurn& turn, Milliseconds longest_wait);

  // Gives a turn back, with a pause of its lane. Its event stays where it is.
  void put_back(RoomTurn turn, Milliseconds pause);

  // Takes out all that wait for the first turn.
  std::vector<QueuedEvent> take_fresh() { return queues_.take_fresh(); }

  std::size_t queued() const { return queues_.size(); }
  std::vector<QueuedEvent> some_queued(std::size_t limit) const { return queues_.some(limit); }

  // Until we stop.
  Task<void> run();
  // We are stopping: those who wait for a turn go on without one.
  void stop();

 private:
  struct Waiting {
    explicit Waiting(async::Executor executor) : given(std::move(executor)) {}
    std::optional<RoomTurn> turn;
    async::Condition given;
  };

  void pause(const Lane& lane, Milliseconds pause);
  bool gives_turns() const;
  bool give_turn(TurnKind kind);
  void resume_lanes();
  async::Steady next_change() const;

  Context& context_;
  async::Condition& changed_;
  DueEvents& due_events_;
  const HomeserverHealth& health_;
  const AdoptionLock& adoption_lock_;
  const std::function<void(RoomTurn)> begin_;

  RoomQueues queues_;
  std::unordered_map<domain::DelayId, Waiting> waiting_;
  std::multimap<async::Steady, Lane> pauses_;  // by their ends
  std::multimap<async::Steady, Turn> beside_;  // their rooms, by when these go on at the latest
};

}  // namespace afterword::delivery
