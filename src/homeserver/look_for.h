// Searches a room, as the event's owner, for what an attempt left there.
//
// A state event is looked for in the current state first, a redaction at the event that it redacts. Then the room's
// messages of that sender and type are read from the newest backwards, up to a bound. Where that does not reach back
// far enough, the homeserver is asked for the events at that time, if it can say (Synapse can). It is asked as the
// device that the event was sent as: Synapse shows transactions to nobody else. If the event is not found, the mark is
// asked for, which shows whether the homeserver was restarted (restart_marker.h).
//
// Thread: the server's only one. The references must outlive the task.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "homeserver/homeserver.h"
#include "homeserver/kind.h"
#include "http/client.h"

#include <chrono>
#include <string>

namespace afterword::homeserver {

struct LookOptions {
  std::string as_token;
  std::chrono::milliseconds time_limit{30'000};  // altogether
  int max_pages = 10;                            // of messages, 100 each
};

async::Task<LookAnswer> look_for_attempt(http::Client& http, async::Clock& clock, KnownKind& kind,
                                         const LookOptions& options, domain::DelayId delay_id,
                                         const domain::EventToSend& event, domain::Attempt attempt);

}  // namespace afterword::homeserver
