#include "base/memory_pool.h"

#include <array>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define AFTERWORD_KEEPS_NO_MEMORY
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define AFTERWORD_KEEPS_NO_MEMORY
#endif

namespace afterword {
namespace {

#ifdef AFTERWORD_KEEPS_NO_MEMORY
constexpr std::size_t max_kept_size = 0;
#else
constexpr std::size_t max_kept_size = 4096;  // little of it is larger
#endif
constexpr std::size_t step = 64;                    // what is nearly of the same size shares a list
constexpr std::size_t max_kept_bytes = 128 * 1024;  // of one list: what 64 requests at once take

struct FreePiece {
  FreePiece* next;
};

struct List {
  FreePiece* first = nullptr;
  std::size_t bytes = 0;
};

// It has no destructor: tasks that a thread's last objects own end after it. What it holds at the end is let go with
// the process.
constinit thread_local std::array<List, max_kept_size / step + 1> lists{};

std::size_t place_of(std::size_t size) { return (size + step - 1) / step; }

}  // namespace

void* MemoryPool::take(std::size_t size) {
  if (size > max_kept_size) return ::operator new(size);
  const std::size_t place = place_of(size);
  List& list = lists[place];
  FreePiece* piece = list.first;
  if (piece == nullptr) return ::operator new(place* step);
  list.first = piece->next;
  list.bytes -= place * step;
  return piece;
}

void MemoryPool::give_back(void* memory, std::size_t size) noexcept {
  if (size <= max_kept_size) {
    const std::size_t place = place_of(size);
    List& list = lists[place];
    if (list.bytes + place * step <= max_kept_bytes) {
      list.first = ::new (memory) FreePiece{list.first};
      list.bytes += place * step;
      return;
    }
  }
  ::operator delete(memory);
}

}  // namespace afterword
