// What `afterword check --public URL` looks at: whether what must come to Afterword does come to it through the address
// that clients use, and what the proxies on the way make of it.
//
// It asks for every kind of route that is about delayed events, without an access token, so that whatever goes astray
// is refused and does nothing. An Afterword with the same registration answers these requests itself
// (gateway/arrival.h). The configuration must outlive the task. Thread: its executor's only one.
#pragma once

#include "async/task.h"
#include "doctor/finding.h"
#include "gateway/arrival.h"
#include "http/origin.h"
#include "ops/configuration.h"

#include <chrono>
#include <vector>

namespace afterword::doctor {

inline constexpr std::chrono::milliseconds max_long_poll = gateway::max_arrival_wait;

struct PublicAddress {
  http::Origin origin;
  std::chrono::milliseconds long_poll{35'000};  // how long an answer must be able to take
};

async::Task<Findings> check_public(async::Executor executor, const ops::Configuration& configuration,
                                   PublicAddress address);

}  // namespace afterword::doctor
