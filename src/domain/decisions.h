// What each verb does to one delayed event, decided on what is stored of it. Every store calls these, or is held to
// them by a test (store/testing/contract.h) where its database decides, so there is one set of rules.
//
// Pure: no I/O, no clock. Times are server time (base/time.h). No errors: each answers for every state.
#pragma once

#include "domain/delayed_event.h"
#include "domain/transitions.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace afterword::domain {

// How an event stands: all that a decision depends on.
struct Standing {
  State state = State::scheduled;
  Timing timing;

  friend bool operator==(const Standing&, const Standing&) = default;
};

// What a verb does. Where the effect is `perform`, `after` is to be written; else it is what was found.
struct Decision {
  Effect effect;
  Standing after;

  bool performs() const { return effect == Effect::perform; }
};

// Whether somebody may act on an event of `owner`, or look at it. Without a caller, knowing the delay_id is enough.
bool may_act(const std::optional<UserId>& caller, std::string_view owner);

// The state of an event with that outcome.
State state_of(const Outcome& outcome);

// The delay begins again at `now`, but never earlier than it does: of restarts that overtake each other the latest
// counts.
Decision decide_restart(const Standing& found, Timestamp now);

Decision decide_cancel(const Standing& found);

// A claim by time is for an event that is due; one that is not waits. A claim on request takes it ahead of its time.
Decision decide_claim(const Standing& found, const Attempt& attempt, Timestamp now);

// Both end an attempt, which only its sender may: the one who claimed or adopted it. Anything else is refused.
Decision decide_release(const Standing& found, bool is_sender);
Decision decide_finalise(const Standing& found, bool is_sender, const Outcome& outcome);

// Whether an instance takes over an event that is active: an attempt if its sender has ended, whoever has the timer;
// the timer of one that is scheduled if its owner has.
bool may_adopt(State found, bool owner_has_ended, bool sender_has_ended);

// For how long an event without an outcome keeps the later ones of its room back. In one process it is the time that a
// room waits in all (delivery/retries.h). One instance waits for that of another until this long after it was due.
inline constexpr Milliseconds longest_hold = std::chrono::minutes(2);

// Where an event has its place among those of its room.
struct RoomPosition {
  Timestamp due;
  DelayId delay_id;
};

// Whether an active event that another instance has keeps a later one of its room back at `now`.
bool goes_before(const RoomPosition& other, const RoomPosition& later, Timestamp now);

}  // namespace afterword::domain
