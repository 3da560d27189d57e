// The metrics, in the text format of Prometheus (prometheus-cpp writes it).
//
// Each module counts in plain numbers, which cost a request next to nothing, and knows nothing of Prometheus; here they
// get their names, when somebody asks. docs/operations.md says what each of them means, and metrics.golden holds their
// names and labels: a name that others have in their dashboards does not change by accident.
//
// Thread: the server's only one. Looks at figures that are there; waits for nothing.
#pragma once

#include "api/context.h"
#include "gateway/gateway.h"
#include "homeserver/measured.h"
#include "homeserver/token_cache.h"
#include "http/byte_budget.h"
#include "http/client.h"
#include "http/server.h"

#include <string>
#include <vector>

namespace afterword::monitoring {

// Where the numbers are. All of them outlive whoever has the sources.
struct Sources {
  struct Pool {
    const char* name;
    const http::Client& client;
  };

  std::string version;  // of the build
  const http::Server& server;
  const http::ByteBudget& bodies;
  const api::Context& context;
  const gateway::Gateway& gateway;
  const homeserver::TokenCache& tokens;
  const homeserver::Measured& homeserver;
  std::vector<Pool> pools;
};

std::string exposition(const Sources& sources);

}  // namespace afterword::monitoring
