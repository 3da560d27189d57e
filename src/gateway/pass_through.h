// Hands a request to the homeserver and its answer back, whole.
//
// Plain for now: a request and its answer are held in memory. Streaming both ways takes its place here.
#pragma once

#include "async/task.h"
#include "http/client.h"
#include "http/message.h"

namespace afterword::gateway {

async::Task<http::Response> pass_through(http::Client& homeserver, http::Request request);

// The same for an answer that we are going to read: asks for it uncompressed.
async::Task<http::Response> pass_through_readable(http::Client& homeserver, http::Request request);

}  // namespace afterword::gateway
