// Hands a request to the homeserver and its answer back, both in pieces, unless we are going to read the answer.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/outage_log.h"
#include "http/client.h"
#include "http/message.h"

#include <chrono>
#include <string>
#include <vector>

namespace afterword::gateway {

// Longer than any long poll or upload is meant to take, until the head of its answer.
inline constexpr std::chrono::milliseconds max_passing_time = std::chrono::minutes(10);

// What all that passes through has in common.
struct Passing {
  async::Clock& clock;
  std::vector<std::string> trusted_proxies;  // see forwarded.h
  OutageLog outage{};
};

// `passing` outlives the task.
async::Task<http::Response> pass_through(http::Client& homeserver, http::Request request, Passing& passing);

// The same for an answer that we are going to read and may change: whole. It is asked for uncompressed,
// without a range, and without the condition that the client may have the current version: what it has was changed
// here. `limits`: of an answer that is read as a tree, a smaller size.
async::Task<http::Response> pass_through_readable(http::Client& homeserver, http::Request request, Passing& passing,
                                                  http::SendLimits limits = max_passing_time);

// Puts another body in its place. What the homeserver says about its own goes.
void replace_body(http::Response& answer, std::string body);

}  // namespace afterword::gateway
