// Makes the random bytes of the process, such as delay ids, come from a seed.
#pragma once

#include <cstdint>

namespace afterword::sim {

void seed_random_bytes(std::uint64_t seed);

}  // namespace afterword::sim
