// Remembers who a token belongs to, so that a heartbeat does not cost a whoami.
//
// Keyed by SHA-256 of the credentials, so that no token is kept; at most `max_entries` are held, the most recently
// used. Concurrent misses of the same credentials share one call, which goes on if one of those who wait for it is
// cancelled. Refusals are not remembered.
//
// Lifecycle: identify() until close(), which must have ended before the cache is destroyed.
// Thread: the server's only one.
#pragma once

#include "async/clock.h"
#include "base/encoding.h"
#include "homeserver/homeserver.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <variant>

namespace afterword::homeserver {

struct TokenCacheOptions {
  std::chrono::milliseconds time_to_live = std::chrono::minutes(5);
  std::chrono::milliseconds stale_limit = std::chrono::minutes(10);  // beyond the time to live
  std::size_t max_entries = 100'000;
};

// Whose the token was when the homeserver could last be asked, not longer ago than time_to_live and stale_limit
// together. Enough for a user to restart or cancel what is scheduled, so that an outage of the homeserver kicks nobody
// out of a call; not enough to schedule or to send.
struct Stale {
  Identity identity;
};
using TokenAnswer = std::variant<Identity, Stale, domain::HomeserverError, Unreachable>;

class TokenCache {
 public:
  TokenCache(async::Executor executor, async::Clock& clock, Homeserver& homeserver, TokenCacheOptions options = {});
  ~TokenCache();

  // Who has a stale answer is not made to wait for a homeserver that hangs: a heartbeat must be in time.
  Task<TokenAnswer> identify(Credentials credentials);

  // Forgets every entry of this token: a logout passed through. As with forget_user(), the answer to a call that is
  // under way is not remembered either.
  void forget_token(std::string_view access_token);
  // Forgets every entry of this user: a password change, logout of all devices, or deactivation passed through.
  void forget_user(const domain::UserId& user_id);

  // Ends the calls that are under way; those who wait for them are answered Unreachable.
  Task<void> close();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace afterword::homeserver
