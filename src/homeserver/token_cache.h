// Remembers who a token belongs to, so that a heartbeat does not cost a whoami.
//
// Keyed by SHA-256 of the credentials, so that no token is kept; entries last `time_to_live` and at most `max_entries`
// are held. Concurrent misses of the same credentials share one call. Refusals are not remembered.
#pragma once

#include "async/clock.h"
#include "base/encoding.h"
#include "homeserver/homeserver.h"

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

namespace afterword::homeserver {

struct TokenCacheOptions {
  std::chrono::milliseconds time_to_live = std::chrono::minutes(5);
  std::size_t max_entries = 100'000;
};

class TokenCache {
 public:
  TokenCache(async::Executor executor, async::Clock& clock, Homeserver& homeserver, TokenCacheOptions options = {});
  ~TokenCache();

  Task<WhoamiAnswer> identify(Credentials credentials);

  // Forgets every entry of this token: a logout passed through.
  void forget_token(std::string_view access_token);
  // Forgets every entry of this user: a password change, logout of all devices, or deactivation passed through.
  void forget_user(const domain::UserId& user_id);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace afterword::homeserver
