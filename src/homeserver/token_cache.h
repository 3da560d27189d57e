// Remembers who a token belongs to, so that a heartbeat does not cost a whoami.
//
// Keyed by SHA-256 of the credentials, so that no token is kept. At most `max_entries` are held, the most recently
// used, and of one token no more than its share, whatever it names itself. Concurrent misses of the same credentials
// share one call, which tells of the first who asked, and goes on if one of those who wait for it is cancelled.
//
// The calls under way are bounded. What is asked about tokens that are known has places of its own, so that nobody
// delays others by making tokens up; those have a share for each client's address. Which tokens are unknown is
// remembered for seconds, apart from the entries.
//
// Lifecycle: identify() until close(), which must have ended before the cache is destroyed.
// Thread: the server's only one.
#pragma once

#include "async/clock.h"
#include "base/encoding.h"
#include "homeserver/homeserver.h"
#include "http/message.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace afterword::homeserver {

struct TokenCacheOptions {
  std::chrono::milliseconds time_to_live = std::chrono::minutes(5);
  // Beyond the time to live, while the homeserver cannot be asked: as long as delays usually are.
  std::chrono::milliseconds stale_limit = std::chrono::hours(24);
  std::size_t max_entries = 100'000;
  std::size_t max_entries_per_token = 25'000;  // an application service's, for each of its users

  std::chrono::milliseconds refusal_time = std::chrono::seconds(5);
  std::size_t max_refusals = 4'096;

  std::size_t max_calls = 64;  // for tokens that are known, and as many for those that are not
  std::size_t max_calls_per_token = 16;
  std::size_t max_calls_per_address = 16;
  std::size_t max_waiting_per_call = 256;
};

struct TokenQuestion {
  Credentials credentials;
  std::string address{};  // of the client
  // What the homeserver is told of the client, if it has to be asked. Not called any more once the task waits.
  std::function<http::Headers()> about_client{};
  // What the homeserver was asked before this is not recent enough.
  async::Steady not_before = async::Steady::min();
  // From then on a stale answer does, so that who has one need not wait for a homeserver that hangs.
  async::Steady take_stale = async::Steady::max();
  // From then on none does either: Unreachable.
  async::Steady give_up = async::Steady::max();
  // Whose it is does not change, and whether it is still good is known in another way: an answer of any age does.
  bool takes_any_age = false;
  // What is not remembered is Busy.
  bool only_if_remembered = false;
};

// Whose the token was when the homeserver could last be asked, not longer ago than time_to_live and stale_limit
// together. Enough for a user to restart or cancel what is scheduled, so that an outage of the homeserver kicks nobody
// out of a call; not enough to schedule or to send.
struct Stale {
  Identity identity;
};
struct Busy {};  // not asked: too much is being asked already
using TokenAnswer = std::variant<Identity, Stale, domain::HomeserverError, Unreachable, Busy>;

// Since the start: how questions were answered without asking the homeserver, or not at all.
struct TokenFigures {
  std::uint64_t known = 0;
  std::uint64_t refused = 0;  // known to be unknown
  std::uint64_t asked = 0;    // the homeserver, alone or with others
  std::uint64_t stale = 0;    // of those: it could not be asked in time, and what it said before did
  std::uint64_t busy = 0;     // too much was being asked already
  // And now.
  std::size_t entries = 0;
  std::size_t calls = 0;  // whoami under way
};

class TokenCache {
 public:
  TokenCache(async::Executor executor, async::Clock& clock, Homeserver& homeserver, TokenCacheOptions options = {});
  ~TokenCache();

  // Stale is the answer wherever Unreachable or Busy would be, if there is one.
  Task<TokenAnswer> identify(TokenQuestion question);

  // Forgets every entry of this token: it has ended, as an answer that passed through says. As with forget_user(), the
  // answer to a call that is under way is not remembered either.
  void forget_token(const AccessToken& access_token);
  // Forgets every entry of this user: a password change, logout of all devices, or deactivation passed through.
  void forget_user(const domain::UserId& user_id);
  // The same for whoever has this token, as far as that is known.
  void forget_user_of(const AccessToken& access_token);
  // Whoever has this token, and the token, may have ended. The homeserver is asked again before any entry of theirs
  // counts; only while it cannot be asked they are as stale ones.
  void doubt_user_of(const AccessToken& access_token);

  TokenFigures figures() const;

  // Ends the calls that are under way; those who wait for them are answered Unreachable.
  Task<void> close();

 private:
  // What is answered to them is not remembered.
  void forget_calls_of(const AccessToken& access_token);

  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace afterword::homeserver
