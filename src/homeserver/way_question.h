// The question whether the way to the homeserver is open: whose token is ours? It is about no event, so an answer to it
// tells what an answer to a delivery cannot: whether a failure, or a limit, is that event's or everybody's.
//
// It is asked as the owner of an event, for Dendrite refuses our token without a user. Those who ask meanwhile share
// the answer. Thread: the server's only one. The references must outlive it.
#pragma once

#include "async/clock.h"
#include "async/condition.h"
#include "async/task.h"
#include "homeserver/homeserver.h"
#include "http/client.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace afterword::homeserver {

class WayQuestion {
 public:
  WayQuestion(http::Client& http, async::Clock& clock, std::string as_token, std::chrono::milliseconds timeout)
      : http_(http), clock_(clock), as_token_(std::move(as_token)), timeout_(timeout) {}

  async::Task<WayAnswer> ask(domain::UserId owner);

 private:
  async::Task<WayAnswer> send(domain::UserId owner);

  http::Client& http_;
  async::Clock& clock_;
  const std::string as_token_;
  const std::chrono::milliseconds timeout_;

  bool asking_ = false;
  std::uint64_t answers_ = 0;
  WayAnswer last_answer_;
  std::optional<async::Condition> answered_;  // made by the first who asks, for it needs an executor
};

}  // namespace afterword::homeserver
