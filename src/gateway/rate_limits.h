// Afterword's own rate limits, in the spirit of Synapse's rc_* settings. They keep one user from wearing the service
// out, and strangers from guessing delay_ids; a call service that heartbeats for thousands is never throttled, because
// each known delay_id has a limit of its own.
//
// Thread: the server's only one.
#pragma once

#include "base/rate_limiter.h"
#include "base/time.h"
#include "domain/ids.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::gateway {

// The defaults are far above what Element Call does: a restart every 4 seconds for each participant.
struct RateLimitOptions {
  bool enabled = true;
  Rate schedule{5, 100};  // by user: as many at once as may be scheduled by default
  Rate manage{10, 100};   // by user
  Rate look_up{10, 100};  // looking one up, and lists, by user
  Rate delay_id{2, 20};   // managing without a token, by delay_id
  Rate guess{0.2, 20};    // unknown delay_ids without a token, by client address
  Rate send{5, 50};       // what is sent, by owner: delivery's
};

class RateLimits {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  using Wait = std::optional<Milliseconds>;  // nothing: go ahead

  explicit RateLimits(RateLimitOptions options);

  Wait schedule(const domain::UserId& user_id, Steady now);
  Wait manage(const domain::UserId& user_id, Steady now);
  Wait look_up(const domain::UserId& user_id, Steady now);

  // Managing without a token: ask before, and say afterwards whether there is such an event. Only then is it counted,
  // for the delay_id or for the address.
  Wait manage_without_token(const std::string& delay_id, Steady now);
  void met_known(const std::string& delay_id, Steady now);
  Wait met_unknown(const std::string& address, Steady now);

  // How often each was hit.
  static constexpr std::array<std::string_view, 5> names{"schedule", "manage", "look_up", "delay_id", "guess"};
  using Hits = std::array<std::uint64_t, names.size()>;
  const Hits& hits() const { return hits_; }

 private:
  enum class Limit : std::uint8_t { schedule, manage, look_up, delay_id, guess };
  Wait count(Limit limit, Wait wait) {
    if (wait) ++hits_[static_cast<std::size_t>(limit)];
    return wait;
  }

  bool enabled_;
  RateLimiter<domain::UserId> schedule_;
  RateLimiter<domain::UserId> manage_;
  RateLimiter<domain::UserId> look_up_;
  RateLimiter<std::string> delay_id_;
  RateLimiter<std::string> guess_;
  Hits hits_{};
};

}  // namespace afterword::gateway
