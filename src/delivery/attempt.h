// An attempt: one event from before its claim until its outcome is recorded, as one task with one owner.
//
// It takes one step after the other, each of which says what follows (attempt_rules.h):
//
// - Claim leaves a mark with the homeserver, then has the store record that the event is being sent. → Send
// - Send goes on beside its room first if that has waited for long enough. → Finalise, or Release if it did not arrive,
//   or TryLater if nobody knows whether it arrived
// - TryLater counts the failure. In time its room waits no longer, and the event is set aside. → AwaitTurn
// - AwaitTurn gives its turn back, waits for the next, and reads the event. → LookFor
// - LookFor → Finalise if it is in its room; FlushQueue, Send or Release if it is not; TryLater if nobody can say
// - FlushQueue has the homeserver work off what it may have queued. → TryLater
// - Finalise, Release and GiveUp have the store record the outcome, and answer whoever asked.
// - PutBack and Leave end it before it is claimed, or when somebody else has ended it.
//
// An error that nobody expects is like an answer that says nothing: TryLater. When we stop, what waits for its turn
// ends as it is, and the next start continues it.
//
// Thread: the server's only one. What `parts` refer to outlives the tasks.
#pragma once

#include "async/task_group.h"
#include "base/rate_limiter.h"
#include "delivery/adoption_lock.h"
#include "delivery/attempts.h"
#include "delivery/context.h"
#include "delivery/dispatcher.h"
#include "delivery/due_events.h"
#include "delivery/grace.h"
#include "delivery/homeserver_health.h"
#include "delivery/request_places.h"
#include "delivery/retries.h"
#include "delivery/send_now_answer.h"
#include "delivery/store_retry.h"
#include "homeserver/homeserver.h"
#include "store/store.h"

#include <memory>
#include <optional>
#include <utility>

namespace afterword::delivery {

// Whom an attempt asks and tells.
struct AttemptParts {
  Context& context;
  store::Store& store;
  homeserver::Homeserver& homeserver;
  const Grace& grace;
  StoreRetry& store_retry;
  AdoptionLock& adoption_lock;
  HomeserverHealth& health;
  DueEvents& due_events;
  Retries& retries;
  Dispatcher& dispatcher;
  RequestPlaces& request_places;
  Attempts& attempts;
  std::optional<RateLimiter<domain::UserId>> owner_limit;
};

// Where the answer to a `send` action appears, at the latest when the attempt ends.
struct Answered {
  explicit Answered(async::Executor executor) : answered(std::move(executor)) {}

  void give(SendNowAnswer given) {
    answer.emplace(std::move(given));
    answered.notify_all();
  }

  std::optional<SendNowAnswer> answer;
  async::Condition answered;
};
using Reply = std::shared_ptr<Answered>;

// The three ways in which an attempt begins. The time of an event has come, and it is its turn:
Task<void> send_at_its_time(AttemptParts& parts, RoomTurn turn);
// Somebody asks for an event that is scheduled to be sent at once, without waiting for a turn of its room:
Task<void> send_on_request(AttemptParts& parts, store::ActiveEvent event, std::optional<domain::UserId> caller,
                           Reply reply);
// An event was adopted that was being sent, so it may have arrived:
Task<void> continue_attempt(AttemptParts& parts, Attempts::UnderWay under_way, store::ActiveEvent event);

// Where the event waits: with those of its room, or beside it, if it is set aside.
Lane lane_of(const Retries& retries, domain::RoomId room_id, domain::DelayId delay_id, Timestamp due);

}  // namespace afterword::delivery
