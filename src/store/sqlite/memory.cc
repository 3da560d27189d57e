#include "store/sqlite/memory.h"

#include "base/memory_pool.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

namespace afterword::store::sqlite {
namespace {

// SQLite asks how large a piece is: that stands in front of it. Eight bytes are as much as it wants pieces aligned to.
constexpr std::size_t front = 8;

std::size_t size_of(const void* memory) {
  std::size_t size = 0;
  std::memcpy(&size, static_cast<const char*>(memory) - front, sizeof size);
  return size;
}

void* allocate(int bytes) noexcept {
  const auto size = static_cast<std::size_t>(bytes);
  try {
    char* const begin = static_cast<char*>(MemoryPool::take(front + size));
    std::memcpy(begin, &size, sizeof size);
    return begin + front;
  } catch (const std::bad_alloc&) {
    return nullptr;  // SQLite answers SQLITE_NOMEM
  }
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  MemoryPool::give_back(static_cast<char*>(memory) - front, front + size_of(memory));
}

void* reallocate(void* memory, int bytes) noexcept {
  void* const other = allocate(bytes);
  if (other == nullptr) return nullptr;
  std::memcpy(other, memory, std::min(size_of(memory), static_cast<std::size_t>(bytes)));
  release(memory);
  return other;
}

int size(void* memory) noexcept { return memory == nullptr ? 0 : static_cast<int>(size_of(memory)); }

int rounded_up(int bytes) noexcept { return (bytes + 7) / 8 * 8; }

int begin(void*) noexcept { return SQLITE_OK; }

void end(void*) noexcept {}

}  // namespace

void set_up_memory() {
  [[maybe_unused]] static const bool is_set_up = [] {
    const sqlite3_mem_methods methods{allocate, release, reallocate, size, rounded_up, begin, end, nullptr};
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    return true;
  }();
}

}  // namespace afterword::store::sqlite
