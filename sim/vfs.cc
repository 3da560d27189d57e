#include "sim/vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>

namespace afterword::sim {
namespace {

Disk* mounted = nullptr;

struct OpenFile {
  sqlite3_file base;
  std::shared_ptr<Disk::File> file;
  std::string remove_when_closed;
};

OpenFile& opened(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }

int close_file(sqlite3_file* file) {
  if (!opened(file).remove_when_closed.empty()) mounted->remove(opened(file).remove_when_closed);
  opened(file).~OpenFile();
  return SQLITE_OK;
}

int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  if (mounted->read_fails()) return SQLITE_IOERR_READ;
  const std::string& data = opened(file).file->data;
  const auto from = std::min(static_cast<std::size_t>(offset), data.size());
  const auto wanted = static_cast<std::size_t>(size);
  const auto found = std::min(wanted, data.size() - from);
  std::memcpy(to, data.data() + from, found);
  if (found == wanted) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + found, 0, wanted - found);
  return SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  switch (mounted->write(*opened(file).file, static_cast<std::size_t>(offset), static_cast<const char*>(from),
                         static_cast<std::size_t>(size))) {
    case Disk::Result::done:
      return SQLITE_OK;
    case Disk::Result::full:
      return SQLITE_FULL;
    case Disk::Result::failed:
      break;
  }
  return SQLITE_IOERR_WRITE;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  mounted->truncate(*opened(file).file, static_cast<std::size_t>(size));
  return SQLITE_OK;
}

int sync(sqlite3_file* file, int) {
  return mounted->sync(*opened(file).file) == Disk::Result::done ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(opened(file).file->data.size());
  return SQLITE_OK;
}

// One process uses the disk at a time.
int lock(sqlite3_file*, int) { return SQLITE_OK; }
int is_reserved(sqlite3_file*, int* answer) {
  *answer = 0;
  return SQLITE_OK;
}
int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return static_cast<int>(Disk::sector); }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

sqlite3_io_methods make_methods() {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;  // no shared memory: the database is its process's alone
  methods.xClose = close_file;
  methods.xRead = read;
  methods.xWrite = write;
  methods.xTruncate = truncate;
  methods.xSync = sync;
  methods.xFileSize = file_size;
  methods.xLock = lock;
  methods.xUnlock = lock;
  methods.xCheckReservedLock = is_reserved;
  methods.xFileControl = control;
  methods.xSectorSize = sector_size;
  methods.xDeviceCharacteristics = characteristics;
  return methods;
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  static const sqlite3_io_methods methods = make_methods();
  file->pMethods = nullptr;
  const std::string path = name == nullptr ? "temporary-" + std::to_string(mounted->random().next()) : name;
  if ((flags & SQLITE_OPEN_CREATE) == 0 && !mounted->exists(path)) return SQLITE_CANTOPEN;
  auto* made = new (file) OpenFile{};
  made->file = mounted->open(path);
  if (name == nullptr || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0) made->remove_when_closed = path;
  made->base.pMethods = &methods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int remove_file(sqlite3_vfs*, const char* name, int) {
  if (!mounted->exists(name)) return SQLITE_IOERR_DELETE_NOENT;
  mounted->remove(name);
  return SQLITE_OK;
}

int access_file(sqlite3_vfs*, const char* name, int, int* answer) {
  *answer = mounted->exists(name) ? 1 : 0;
  return SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int size, char* to) {
  sqlite3_snprintf(size, to, "%s", name);
  return SQLITE_OK;
}

int random_bytes(sqlite3_vfs*, int size, char* to) {
  for (int i = 0; i < size; ++i) to[i] = static_cast<char>(mounted->random().next());
  return size;
}

int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int current_time(sqlite3_vfs*, double* now) {
  *now = 2460000.5;
  return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) { return 0; }

sqlite3_vfs make_vfs() {
  sqlite3_vfs vfs{};
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(OpenFile);
  vfs.mxPathname = 1024;
  vfs.zName = "simulated";
  vfs.xOpen = open_file;
  vfs.xDelete = remove_file;
  vfs.xAccess = access_file;
  vfs.xFullPathname = full_name;
  vfs.xRandomness = random_bytes;
  vfs.xSleep = sleep;
  vfs.xCurrentTime = current_time;
  vfs.xGetLastError = last_error;
  return vfs;
}

}  // namespace

void mount(Disk& disk) {
  static sqlite3_vfs vfs = make_vfs();
  static const int registered = sqlite3_vfs_register(&vfs, 1);
  (void)registered;
  if (mounted != &disk) {
    mounted = &disk;
    // SQLite keeps a generator of its own; this seeds it anew from the disk's.
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 0, nullptr);
    sqlite3_randomness(0, nullptr);
  }
}

}  // namespace afterword::sim
