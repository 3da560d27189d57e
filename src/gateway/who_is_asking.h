// Who a request comes from: reads its token, and has the homeserver say whose it is.
#pragma once

#include "api/caller.h"
#include "async/task.h"
#include "base/result.h"
#include "homeserver/token_cache.h"
#include "http/message.h"
#include "http/target.h"

#include <optional>

namespace afterword::gateway {

// The token in the Authorization header or, as older clients send it, in the query; with an application service's
// user_id and device_id.
std::optional<homeserver::Credentials> credentials_of(const http::Request& request, const http::Target& target);

// Whether a homeserver that is away may be answered for by what it said a while ago.
enum class WhileAway : bool { refuse, trust_recent };

// The caller, or the answer to give instead: the homeserver's own refusal, or that it cannot be reached.
async::Task<Result<api::Caller, http::Response>> identify(homeserver::TokenCache& tokens,
                                                          homeserver::Credentials credentials, WhileAway while_away);

}  // namespace afterword::gateway
