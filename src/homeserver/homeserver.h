// What Afterword asks of the homeserver for itself, as a verb each.
//
// Thread: the server's only one. No verb throws; each ends within the time limit of its implementation.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "base/time.h"
#include "domain/delayed_event.h"

#include <optional>
#include <string>
#include <variant>

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
};
struct NotArrived {  // certainly not acted on: connection refused, or an answer about our set-up and not the event
  std::string reason;
};
struct Unclear {  // timeout, reset, 5xx, unreadable answer: it may or may not have been acted on
  std::string reason;
};
using SendAnswer = std::variant<Sent, Refused, NotArrived, Unclear>;

// Who a token belongs to.
struct Identity {
  domain::UserId user_id;
  std::optional<domain::DeviceId> device_id;  // absent for application services, unless they name one
  bool is_guest = false;
};
// What the client presented.
struct Credentials {
  std::string access_token;
  std::optional<std::string> user_id;    // ?user_id=, of an application service
  std::optional<std::string> device_id;  // ?device_id= or ?org.matrix.msc3202.device_id=
};
struct Unreachable {
  std::string reason;
};
using WhoamiAnswer = std::variant<Identity, domain::HomeserverError, Unreachable>;

class Homeserver {
 public:
  virtual ~Homeserver() = default;

  // PUT /send, /state or /redact as the event's owner, with txn_id = `delay_id` and the attempt's origin_server_ts (not
  // the event's own: see delivery, which decides between the two). `event` must outlive the task.
  virtual Task<SendAnswer> send(domain::DelayId delay_id, const domain::EventToSend& event,
                                domain::Attempt attempt) = 0;

  // GET /_matrix/client/v3/account/whoami. A 429 is waited out, within the time limit.
  virtual Task<WhoamiAnswer> whoami(Credentials credentials) = 0;
};

}  // namespace afterword::homeserver
