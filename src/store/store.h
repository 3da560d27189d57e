// The durable truth about delayed events, as verbs of the domain.
//
// A Timestamp is server time (base/time.h).
//
// Every verb is one atomic step. When it answers, what it did is committed and synced to disk; requests that arrive
// while a commit runs share the next one. A verb that changes an event is guarded by the state that it finds, and says
// what it found, so racing callers all hear the truth.
//
// `caller` restricts a verb to one user's events; nothing means that knowing the delay_id is enough. Another user's
// event is answered like one that does not exist.
//
// Thread: the executor that the backend was made with. References passed in must outlive the task.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "base/server_time.h"
#include "domain/decisions.h"
#include "domain/delayed_event.h"
#include "domain/limits.h"
#include "domain/transitions.h"
#include "store/figures.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace afterword::store {

using async::Task;
using domain::DelayId;
using domain::UserId;

// The store cannot do it now: disk full, read-only, locked, connection lost. Nothing of the verb took effect, and it
// may be tried again. `reason` is for the log.
struct Unavailable {
  std::string reason;
};

template <class T>
using StoreResult = Result<T, Unavailable>;
using afterword::throw_exception_from_error;  // so that it is found for Unavailable

// schedule()
struct Scheduled {
  DelayId delay_id;
  bool created = true;  // false: the transaction was known, and delay_id is that of the first request
};
struct TooManyScheduled {
  Timestamp next_send;  // when the first of the user's scheduled events is due
};
using ScheduleAnswer = std::variant<Scheduled, TooManyScheduled>;

// restart(), cancel() and claim()
struct NotFound {};
// How the event stood, and what that means for the action (domain/decisions.h). `perform` is: done.
struct ActionResult {
  domain::Effect effect;
  domain::Timing timing;  // as it is now; meaningful while the event is not finalised
};
using ActionAnswer = std::variant<NotFound, ActionResult>;
// claim() by time: another instance has an event for this room that was due before this one, and goes first.
struct Behind {};
using ClaimAnswer =
    std::variant<NotFound, ActionResult, Behind, domain::DelayedEvent>;  // the event: it is claimed, and yours to send

// find_active(): what a timer that has fired finds.
struct ActiveEvent {
  DelayId delay_id;
  domain::State state;  // scheduled or sending
  domain::Timing timing;
  domain::RoomId room_id;
  UserId user_id;
};

// adopt(): an event whose timer is this instance's from now on.
struct Adopted {
  DelayId delay_id;
  domain::State state;  // scheduled or sending
  Timestamp due;
};

// list_outcomes(), list_failed()
struct OutcomePosition {  // of an event that was sent or has failed
  Timestamp finalised_ts;
  DelayId delay_id;
};

// list() (docs/protocol.md section 4, MSC4486)
enum class Direction : std::uint8_t { forwards, backwards };
struct ListPosition {  // behind this event, in the direction of the list
  Timestamp due;
  DelayId delay_id;
};
struct ListQuery {
  std::optional<Timestamp> from_ts;  // of the scheduled send time, inclusive
  std::optional<Timestamp> to_ts;    // inclusive
  Direction direction = Direction::forwards;
  std::optional<domain::RoomId> room_id;
  std::optional<std::string> type;
  // `scheduled` stands for `sending` too: to its owner an event is scheduled until it has an outcome.
  std::vector<domain::State> states;  // empty: all
  std::optional<ListPosition> after;
  std::uint32_t limit = 100;
};
struct ListPage {
  std::vector<domain::DelayedEvent> events;  // by (due, delay_id) in the direction asked for
  bool more = false;
};

// find_sent(), list_sent()
struct SentEvent {
  domain::EventId event_id;
  DelayId delay_id;
};

class Store {
 public:
  virtual ~Store() = default;

  // Says what server time is for this reading of the machine's clocks, and keeps what the next start needs to go on
  // from there, if it can. Asked at the start, before any other verb, and now and then (store/time_keeping.h). Where
  // instances share a store, it is the scale of the store's own clock.
  virtual Task<StoreResult<ServerTime>> save_time(MachineTime machine) = 0;

  // The delay_id that an earlier request of this transaction was given.
  virtual Task<StoreResult<std::optional<DelayId>>> find_transaction(const domain::TransactionKey& transaction) = 0;

  // Keeps the event, unless its transaction is known or the user has `max_scheduled` events scheduled or sending.
  virtual Task<StoreResult<ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                                     std::optional<std::uint32_t> max_scheduled) = 0;

  // Sets delayed_since to `now`, but never back: of restarts that overtake each other the latest counts.
  virtual Task<StoreResult<ActionAnswer>> restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now) = 0;
  virtual Task<StoreResult<ActionAnswer>> cancel(DelayId delay_id, std::optional<UserId> caller, Timestamp now) = 0;

  // Cancels all that the user has scheduled (not what is being sent); answers how many.
  virtual Task<StoreResult<std::uint64_t>> cancel_all(UserId user_id, Timestamp now) = 0;

  // scheduled → sending. A claim by time (`attempt.on_request` false) is for an event that is due at `now`: one that is
  // not is left as it is, and answered as ActionResult{wait} with its timing.
  virtual Task<StoreResult<ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                               Timestamp now) = 0;

  // Both only for what this instance has claimed or adopted.
  // sending → scheduled: the attempt is known not to have arrived, or was refused on request. Nothing if not sending.
  virtual Task<StoreResult<void>> release(DelayId delay_id) = 0;

  // sending → sent | failed. Nothing if not sending.
  virtual Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) = 0;

  // Of those ids, the events that are scheduled or sending and whose timer is this instance's.
  virtual Task<StoreResult<std::vector<ActiveEvent>>> find_active(std::vector<DelayId> delay_ids) = 0;

  // Takes over the timers of events that are scheduled or sending and have no living instance, a bounded number at a
  // time, in no order; answers none when there are no more. A store of one process answers each once after it was
  // opened, and then none, at no cost.
  virtual Task<StoreResult<std::vector<Adopted>>> adopt() = 0;

  // Whether what this instance has claimed or adopted is still its own to send. Where instances share a store, each has
  // a lease that it renews; one that was paused for longer finds here that the others may have taken over what it had.
  // Such a claim has no effect any more, nor have release() and finalise(), also when this instance has a new lease by
  // now: that is why it is asked of each event. Looks at a clock only; to be asked right before an event leaves.
  virtual bool may_send(const DelayId& delay_id) const = 0;

  // The whole event, also when it is being sent: to continue an attempt, or to show it.
  virtual Task<StoreResult<std::optional<domain::DelayedEvent>>> look_up(DelayId delay_id,
                                                                         std::optional<UserId> caller) = 0;
  virtual Task<StoreResult<ListPage>> list(UserId user_id, ListQuery query) = 0;

  // Of those events, the ones that came from delayed events of the user.
  virtual Task<StoreResult<std::vector<SentEvent>>> find_sent(UserId user_id,
                                                              std::vector<domain::EventId> event_ids) = 0;
  // Of all that did, so many at most, in no order.
  virtual Task<StoreResult<std::vector<SentEvent>>> list_sent(UserId user_id, std::uint32_t limit) = 0;

  // Which of the user's events were sent or have failed since `from`: so many at most, from the latest on. One may be
  // recorded later than another and have an earlier time.
  virtual Task<StoreResult<std::vector<OutcomePosition>>> list_outcomes(UserId user_id, Timestamp from,
                                                                        std::uint32_t limit) = 0;

  // Forgets finalised events beyond the retention, a bounded number at a time; answers whether there may be more.
  virtual Task<StoreResult<bool>> prune(domain::Retention retention, Timestamp now) = 0;

  // For whoever operates the server. What these answer is without its content, for that is the users' own.
  // Scheduled or sending, of whatever instance, by (due, delay_id) behind `after`.
  virtual Task<StoreResult<ListPage>> list_room(domain::RoomId room_id, std::optional<ListPosition> after,
                                                std::uint32_t limit) = 0;
  // Failed, by (finalised_ts, delay_id) from the latest on, behind `after`.
  virtual Task<StoreResult<ListPage>> list_failed(std::optional<OutcomePosition> after, std::uint32_t limit) = 0;

  // Makes a change that says nothing new: whether the store takes changes at present.
  virtual Task<StoreResult<void>> try_to_write() = 0;

  // For the metrics. Waits for nothing but a lock that is held for an instant.
  virtual Figures figures() const = 0;

  // Takes no more verbs, and goes on when all that were taken are answered and the files are closed.
  virtual Task<void> close() = 0;
};

}  // namespace afterword::store
