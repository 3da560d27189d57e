// Memory for what a request takes and gives back: whatever ends leaves its piece to the next of about its size. That
// are the frames of tasks, a dozen a request, the texts of heads, and what SQLite takes for a statement.
//
// Under sanitizers nothing is kept, so that they see who uses a piece that has gone.
// Thread: each has a pool of its own.
#pragma once

#include <cstddef>
#include <string>

namespace afterword {

class MemoryPool {
 public:
  static void* take(std::size_t size);  // at least one byte
  // `size`: as it was taken. Any thread may give back.
  static void give_back(void* memory, std::size_t size) noexcept;
};

// Containers and shared objects with this have their memory from the pool.
template <class T>
struct PoolAllocator {
  using value_type = T;

  PoolAllocator() = default;
  template <class Other>
  PoolAllocator(const PoolAllocator<Other>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(MemoryPool::take(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) { MemoryPool::give_back(memory, count * sizeof(T)); }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

using PooledString = std::basic_string<char, std::char_traits<char>, PoolAllocator<char>>;

// A base of what is made by `new` for each request.
struct Pooled {
  static void* operator new(std::size_t size) { return MemoryPool::take(size); }
  static void operator delete(void* memory, std::size_t size) { MemoryPool::give_back(memory, size); }
};

}  // namespace afterword
