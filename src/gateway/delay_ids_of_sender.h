// Shows the sender of delayed events, in an answer of the homeserver, which delay_ids its events came from
// (docs/protocol.md section 6). Performs what gateway/delay_ids.h decides, with what the store knows.
#pragma once

#include "async/task.h"
#include "domain/ids.h"
#include "http/message.h"
#include "store/store.h"

namespace afterword::gateway {

// The answer, changed or not. One that is not a plain JSON success stays as it is, and so does everything for a user
// who has no sent delayed event within the retention. If the store cannot be asked, the answer goes without.
async::Task<http::Response> show_delay_ids_of(store::Store& store, domain::UserId sender, http::Response answer);

}  // namespace afterword::gateway
