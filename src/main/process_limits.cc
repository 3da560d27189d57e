#include "main/process_limits.h"

#include "base/log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace afterword {
namespace {

// More would not be served better: there is one thread.
constexpr std::size_t most_clients = 20'000;
// Deliveries, kept connections, the store, the log and the event loop.
constexpr std::size_t kept_at_most = 512;

}  // namespace

void keep_memory_private() {
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) {
    log::warn("cannot raise the limit of open files: {}", std::strerror(errno));
    return limit.rlim_cur;
  }
  return limit.rlim_max;
}

ConnectionLimits share_out(std::size_t descriptors) {
  const std::size_t kept = std::min(kept_at_most, descriptors / 4);
  ConnectionLimits limits;
  limits.clients = std::min(most_clients, (descriptors - kept) / 2);
  limits.owner = limits.clients / 4;
  limits.passing = limits.clients;
  limits.passing_idle = 3 * kept / 32;
  limits.operations = kept / 16;
  limits.sidecar = kept / 16;
  limits.own = kept / 4;
  // One at least is for what is asked without a token. So none of the three kinds waits for a connection of another.
  limits.whoami = (limits.own - 1) / 2;
  return limits;
}

delivery::Options limit_places(delivery::Options options, const ConnectionLimits& limits) {
  const std::size_t wanted =
      options.max_concurrent_sends + options.max_concurrent_retries + options.max_concurrent_requests;
  const std::size_t most = limits.own / 2;
  if (wanted <= most) return options;
  for (std::size_t* const places :
       {&options.max_concurrent_sends, &options.max_sends_of_an_owner, &options.max_concurrent_retries,
        &options.max_retries_of_an_owner, &options.max_concurrent_requests, &options.max_requests_of_an_owner}) {
    *places = std::max<std::size_t>(1, *places * most / wanted);
  }
  return options;
}

}  // namespace afterword
