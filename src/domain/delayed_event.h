// A delayed event: what a client scheduled, and what has become of it.
#pragma once

#include "base/time.h"
#include "domain/ids.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace afterword::domain {

// scheduled → sending → sent | failed, or scheduled → cancelled. `sending` goes back to `scheduled` only when it is
// known that the event did not arrive. See domain/decisions.h.
enum class State : std::uint8_t { scheduled, sending, sent, failed, cancelled };

inline constexpr State last_state = State::cancelled;
inline constexpr std::size_t state_count = static_cast<std::size_t>(last_state) + 1;

constexpr bool is_finalised(State state) {
  switch (state) {  // each is named, so that a state that is added does not compile without a word here
    case State::scheduled:
    case State::sending:
      return false;
    case State::sent:
    case State::failed:
    case State::cancelled:
      return true;
  }
  return false;
}

// Which of the homeserver's endpoints sends it.
enum class EventKind : std::uint8_t { message, state, redaction };

// What is sent, and as whom. Fixed when it is scheduled.
struct EventToSend {
  UserId user_id;
  std::optional<DeviceId> device_id;
  RoomId room_id;
  EventKind kind = EventKind::message;
  std::string type;
  std::string state_key;                        // of a state event
  EventId redacts;                              // of a redaction
  std::string content;                          // a JSON object, as text
  std::optional<Milliseconds> sticky_duration;  // MSC4354
  std::optional<WallTime> origin_server_ts;     // timestamp massaging by an application service
};

// When it is sent: `delay` after `delayed_since`, which each restart sets to the present.
struct Timing {
  Timestamp delayed_since;
  Milliseconds delay{};

  Timestamp due() const { return delayed_since + delay; }
  friend bool operator==(const Timing&, const Timing&) = default;
};

struct NewDelayedEvent {
  DelayId delay_id;
  EventToSend event;
  Timing timing;
  std::optional<TransactionKey> transaction;  // absent where the route has no txn_id
};

// The homeserver's refusal: its status, and its error object as JSON text.
struct HomeserverError {
  int status = 0;
  std::string body;
};

struct Cancelled {};
// How a delayed event ended: sent as an event, refused at its time, or cancelled.
using Outcome = std::variant<EventId, HomeserverError, Cancelled>;

struct Finalised {
  Timestamp finalised_ts;
  Outcome outcome;
};

// One try to send it. Every attempt of one event carries the same origin_server_ts, so that one whose answer was lost
// can be recognised in the room.
struct Attempt {
  WallTime origin_server_ts;  // as it was when the event was claimed
  bool on_request = false;    // by the `send` action, ahead of its time: a refusal leaves it scheduled
};

struct DelayedEvent {
  DelayId delay_id;
  std::shared_ptr<const EventToSend> event;  // it never changes, so copies share it
  Timing timing;
  State state = State::scheduled;
  std::optional<Attempt> attempt;      // while sending
  std::optional<Finalised> finalised;  // once finalised
};

}  // namespace afterword::domain
