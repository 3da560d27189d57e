// What Afterword asks of the homeserver for itself, as a verb each.
//
// Thread: the server's only one. No verb throws; each ends within the time limit of its implementation.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "base/time.h"
#include "domain/delayed_event.h"
#include "homeserver/access_token.h"
#include "http/message.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace afterword::homeserver {

using async::Task;

// The answer to sending an event as its owner.
struct Sent {
  domain::EventId event_id;
};
struct Refused {
  domain::HomeserverError error;            // 4xx with its Matrix error object
  std::string errcode;                      // taken from it
  std::optional<Milliseconds> retry_after;  // of a 429
  bool may_be_stopping = false;             // the homeserver, which then refuses whatever it cannot do any more
};
struct NotArrived {  // certainly not acted on: connection refused, or an answer about the way to the homeserver
  std::string reason;
  std::optional<Milliseconds> retry_after{};       // of a rate limit that is not the owner's
  std::optional<domain::HomeserverError> error{};  // the answer, if there was one, for when there is never another
};
struct Unclear {  // timeout, reset, 5xx, unreadable answer: it may or may not have been acted on
  std::string reason;
  bool may_be_queued = false;  // see Candidates: the homeserver has stalled for as long as we waited
  std::optional<domain::HomeserverError> error{};
};
using SendAnswer = std::variant<Sent, Refused, NotArrived, Unclear>;

// The answer to looking for an attempt whose own answer was lost.
struct Candidates {
  // All events in the room that match its fingerprint, oldest first. None: it is not there. Several: the same was sent
  // more than once at the same millisecond.
  std::vector<domain::EventId> events;
  // It is not there, and may be in a queue of the homeserver, which has been restarted since: it comes minutes later.
  bool may_be_queued = false;
};
struct MayNotLook {};  // the owner is not in the room any more, say, and so cannot send there either
struct CannotTell {    // the homeserver could not be asked, or the room is too busy to be searched
  std::string reason;
};
using LookAnswer = std::variant<Candidates, MayNotLook, CannotTell>;

// What has become of a queue that was to be worked off.
enum class Flush : std::uint8_t {
  not_done,
  done,   // what came out of it may take minutes to show
  shown,  // whatever came out of it shows by now
};

// Who a token belongs to.
struct Identity {
  domain::UserId user_id;
  std::optional<domain::DeviceId> device_id;  // absent for application services, unless they name one
};
// What the client presented.
struct Credentials {
  AccessToken access_token;
  std::optional<std::string> user_id;    // ?user_id=, of an application service
  std::optional<std::string> device_id;  // ?device_id= or ?org.matrix.msc3202.device_id=
};
struct Unreachable {
  std::string reason;
};
using WhoamiAnswer = std::variant<Identity, domain::HomeserverError, Unreachable>;

// Whether the way to the homeserver is open, as a question tells that is about no event.
struct Open {};
struct Limited {  // open, but the homeserver limits this question
  Milliseconds wait{};
};
struct Closed {
  std::string reason;
  std::optional<Milliseconds> retry_after{};
};
using WayAnswer = std::variant<Open, Limited, Closed>;

class Homeserver {
 public:
  virtual ~Homeserver() = default;

  // Before each send, and before the claim of the first: leaves with the homeserver what a later look needs to know.
  // Where that fails, nothing is to be sent.
  virtual Task<std::optional<NotArrived>> prepare(domain::DelayId delay_id) = 0;

  // PUT /send, /state or /redact as the event's owner, with txn_id = `delay_id` and the attempt's origin_server_ts (not
  // the event's own: see delivery, which decides between the two). Unclear if there is no answer within `time_limit`.
  // `event` must outlive the task.
  virtual Task<SendAnswer> send(domain::DelayId delay_id, const domain::EventToSend& event, domain::Attempt attempt,
                                Milliseconds time_limit) = 0;

  // Whether an attempt with these arguments has taken effect: an event of that room, sender, type, state key, content
  // and origin_server_ts, and, where the homeserver shows it, that transaction. `event` must outlive the task.
  virtual Task<LookAnswer> look_for(domain::DelayId delay_id, const domain::EventToSend& event,
                                    domain::Attempt attempt) = 0;

  // Has the homeserver work off what it may have queued for the event's room. Before an attempt that `may_be_queued` is
  // sent again: a queue can stand still until something else comes to its room.
  virtual Task<Flush> flush_queue(const domain::EventToSend& event) = 0;

  // Whether the way is open: our token, with `owner` as whose question it is. Short, whatever becomes of it; those who
  // ask at once share one question.
  virtual Task<WayAnswer> ask_way(domain::UserId owner) = 0;

  // GET /_matrix/client/v3/account/whoami. A 429 is waited out, within the time limit. `about_client` goes along: a
  // homeserver shows in a user's list of sessions from where, and with what, a token was used last.
  virtual Task<WhoamiAnswer> whoami(Credentials credentials, http::Headers about_client) = 0;
};

}  // namespace afterword::homeserver
