// What the system lets this process do. To be set at its start.
#pragma once

#include "delivery/options.h"

#include <cstddef>

namespace afterword {

// No core dump and no debugger of the same user: both would show the as_token.
void keep_memory_private();

// Raises the limit of open descriptors as far as the system lets us; returns what it is then.
std::size_t raise_descriptor_limit();

// With fewer there is no room to keep owners from each other: see limit_places().
constexpr std::size_t least_descriptors = 256;

// How many connections there may be at once, so that whatever clients do, deliveries and the store always get a
// descriptor.
struct ConnectionLimits {
  std::size_t clients = 0;       // of clients to us
  std::size_t owner = 0;         // of those, from one address
  std::size_t passing = 0;       // to the homeserver for them: as many, for each waits for at most one
  std::size_t passing_idle = 0;  // kept for later, in each pool of those
  std::size_t operations = 0;    // of whoever watches over us
  std::size_t sidecar = 0;       // to what serves calls beside the homeserver
  std::size_t own = 0;           // to the homeserver for deliveries, and as many for our own questions
  std::size_t whoami = 0;        // of those, about tokens that are known, and as many about others
};

// Pure.
ConnectionLimits share_out(std::size_t descriptors);

// As many places as there are, or fewer in the same proportions, so that they take at most half of the connections that
// deliveries have: the other half is for looks, barriers and the question whether the homeserver is reachable. Pure.
delivery::Options limit_places(delivery::Options options, const ConnectionLimits& limits);

}  // namespace afterword
