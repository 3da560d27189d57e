// Whose a rate limit is: an owner's own, or that of Afterword as a whole.
//
// A homeserver that limits one user refuses that user's event. A proxy before it, or a homeserver that limits us as an
// application service, would refuse any event, and says nothing about this one. A harmless question of the service
// itself shows which: it is not limited by what limits a user. Those who ask meanwhile share the answer, so that a
// burst of refusals costs one question. Thread: the server's only one. The references must outlive it.
#pragma once

#include "async/clock.h"
#include "async/condition.h"
#include "async/task.h"
#include "base/time.h"
#include "http/client.h"

#include <chrono>
#include <optional>
#include <string>

namespace afterword::homeserver {

class OwnLimit {
 public:
  OwnLimit(http::Client& http, async::Clock& clock, std::string as_token, std::chrono::milliseconds timeout)
      : http_(http), clock_(clock), as_token_(std::move(as_token)), timeout_(timeout) {}

  // For how long we are limited as a whole; nothing if we are not. A homeserver that gives no answer to this either is
  // not asked for anything else meanwhile.
  async::Task<std::optional<Milliseconds>> ask();

 private:
  async::Task<std::optional<Milliseconds>> ask_whoami();

  http::Client& http_;
  async::Clock& clock_;
  const std::string as_token_;
  const std::chrono::milliseconds timeout_;

  bool asking_ = false;
  std::uint64_t answers_ = 0;
  std::optional<Milliseconds> last_answer_;
  std::optional<async::Condition> answered_;  // made by the first who asks, for it needs an executor
};

}  // namespace afterword::homeserver
