#include "sim/random_bytes.h"

#include "sim/random.h"

// Replacing the method is the only way in, and marked as deprecated since OpenSSL 3.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

namespace afterword::sim {
namespace {

Random source(0);

int fill(unsigned char* bytes, int size) {
  for (int i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(source.next());
  return 1;
}

int is_seeded() { return 1; }

}  // namespace

void seed_random_bytes(std::uint64_t seed) {
  static const RAND_METHOD method{nullptr, fill, nullptr, nullptr, fill, is_seeded};
  static const int installed = RAND_set_rand_method(&method);
  (void)installed;
  source = Random(seed);
}

}  // namespace afterword::sim
