#include "base/memory_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace afterword {
namespace {

// Whoever takes memory may write all of it, whatever was in it before.
TEST(MemoryPool, GivesEachItsOwn) {
  std::vector<std::pair<void*, std::size_t>> taken;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 1; size < 6000; size += 97) {
      void* memory = MemoryPool::take(size);
      std::memset(memory, round, size);
      for (const auto& [other, other_size] : taken) {
        const auto* begin = static_cast<const char*>(memory);
        const auto* other_begin = static_cast<const char*>(other);
        ASSERT_TRUE(begin + size <= other_begin || other_begin + other_size <= begin);
      }
      taken.emplace_back(memory, size);
    }
    for (const auto& [memory, size] : taken) MemoryPool::give_back(memory, size);
    taken.clear();
  }
}

TEST(MemoryPool, KeepsNoMoreThanItMay) {
  std::vector<void*> taken;
  for (int i = 0; i < 10'000; ++i) taken.push_back(MemoryPool::take(1000));
  for (void* memory : taken) MemoryPool::give_back(memory, 1000);  // the rest is let go, which sanitizers would see
}

}  // namespace
}  // namespace afterword
