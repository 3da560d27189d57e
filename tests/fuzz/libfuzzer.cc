// The program `fuzz`: libFuzzer on the target that the environment variable FUZZ_TARGET names. All targets are one
// program, because linking each of them costs more than compiling them. scripts/fuzz runs it.
#include "targets.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

const afterword::fuzz::Target& chosen_target() {
  const char* const name = std::getenv("FUZZ_TARGET");
  const auto* const target = afterword::fuzz::find_target(name == nullptr ? "" : name);
  if (target == nullptr) {
    std::fprintf(stderr, "FUZZ_TARGET names no target of tests/fuzz/targets.h\n");
    std::exit(2);
  }
  return *target;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const afterword::fuzz::Target& target = chosen_target();
  target.check({reinterpret_cast<const char*>(data), size});
  return 0;
}
