// Shows the sender of delayed events, in an answer of the homeserver, which delay_ids its events came from
// (docs/protocol.md section 6). Performs what gateway/delay_ids.h decides, with what the store knows.
#pragma once

#include "async/task.h"
#include "domain/ids.h"
#include "http/byte_budget.h"
#include "http/message.h"
#include "store/known_senders.h"

#include <memory>
#include <string>

namespace afterword::gateway {

// Whether it may show events at all: a JSON success, as it is or in gzip.
bool can_be_looked_into(const http::Response& answer);

struct Reader {
  domain::UserId user_id;
  bool takes_gzip = false;
  std::string client;  // whose share of `bodies` it takes from
};

// The answer, whose body changes while it passes. It is in gzip again if its reader takes that. Everything stays as it
// is for a user who has no sent delayed event within the retention, and where no event of his is named. If the store
// cannot be asked, the answer goes without. `senders` and `bodies` must outlive the answer.
async::Task<http::Response> show_delay_ids_of(store::KnownSenders& senders, http::ByteBudget& bodies, Reader reader,
                                              http::Response answer);

}  // namespace afterword::gateway
