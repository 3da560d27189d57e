// Loaded into a server before its libraries (LD_PRELOAD): counts what it asks of them, in the file that COUNTS_FILE
// names, which others read while it runs. The functions here take the place of the libraries' own.

#include <sqlite3.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
// The allocator itself, as glibc exports it.
void* __libc_malloc(std::size_t size);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT
void* __libc_realloc(void* pointer, std::size_t size);           // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT
}

namespace {

// costs.py reads them in this order.
struct Counts {
  std::atomic<std::uint64_t> allocations;
  std::atomic<std::uint64_t> allocated_bytes;
  std::atomic<std::uint64_t> statements;
  std::atomic<std::uint64_t> syncs;
};

Counts before_main{};
Counts* counts = &before_main;

__attribute__((constructor)) void open_file() {
  const char* path = std::getenv("COUNTS_FILE");
  if (path == nullptr) return;
  const int file = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, sizeof(Counts)) != 0) std::abort();
  void* mapped = ::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) std::abort();
  ::close(file);
  counts = static_cast<Counts*>(mapped);
}

void* note(void* pointer, std::size_t size) {
  counts->allocations.fetch_add(1, std::memory_order_relaxed);
  counts->allocated_bytes.fetch_add(size, std::memory_order_relaxed);
  return pointer;
}

int note_sync(long status) {
  counts->syncs.fetch_add(1, std::memory_order_relaxed);
  return static_cast<int>(status);
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) { return note(__libc_malloc(size), size); }
void* calloc(std::size_t count, std::size_t size) { return note(__libc_calloc(count, size), count * size); }
void* realloc(void* pointer, std::size_t size) { return note(__libc_realloc(pointer, size), size); }
void* memalign(std::size_t alignment, std::size_t size) { return note(__libc_memalign(alignment, size), size); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** pointer, std::size_t alignment, std::size_t size) {
  *pointer = memalign(alignment, size);
  return *pointer == nullptr ? ENOMEM : 0;
}

int fsync(int file) { return note_sync(::syscall(SYS_fsync, file)); }
int fdatasync(int file) { return note_sync(::syscall(SYS_fdatasync, file)); }

// A statement begins with its first step.
int sqlite3_step(sqlite3_stmt* statement) {
  static const auto step = reinterpret_cast<int (*)(sqlite3_stmt*)>(::dlsym(RTLD_NEXT, "sqlite3_step"));
  if (sqlite3_stmt_busy(statement) == 0) counts->statements.fetch_add(1, std::memory_order_relaxed);
  return step(statement);
}

}  // extern "C"
