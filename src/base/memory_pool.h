// Memory for what a request takes and gives back: whatever ends leaves its piece to the next of about its size. That
// are the frames of tasks, a dozen a request, and what SQLite takes for a statement.
//
// Under sanitizers nothing is kept, so that they see who uses a piece that has gone.
// Thread: each has a pool of its own.
#pragma once

#include <cstddef>

namespace afterword {

class MemoryPool {
 public:
  static void* take(std::size_t size);  // at least one byte
  // `size`: as it was taken. Any thread may give back.
  static void give_back(void* memory, std::size_t size) noexcept;
};

}  // namespace afterword
