// Hands a request to the homeserver and its answer back, whole.
//
// Plain for now: a request and its answer are held in memory. Streaming both ways takes its place here.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/outage_log.h"
#include "http/client.h"
#include "http/message.h"

#include <string>
#include <vector>

namespace afterword::gateway {

// What all that passes through has in common.
struct Passing {
  async::Clock& clock;
  std::vector<std::string> trusted_proxies;  // see forwarded.h
  OutageLog outage{};
};

// `passing` outlives the task.
async::Task<http::Response> pass_through(http::Client& homeserver, http::Request request, Passing& passing);

// The same for an answer that we are going to read and may change: asks for it uncompressed and whole, and leaves out
// what would say that the client has it already. The homeserver knows only its own version of it.
async::Task<http::Response> pass_through_readable(http::Client& homeserver, http::Request request, Passing& passing);

}  // namespace afterword::gateway
