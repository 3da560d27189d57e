#include "store/sqlite/log_file.h"

#include <sqlite3.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace afterword::store::sqlite {
namespace {

// SQLite's own way to files cuts what is longer down to its last 17 bits.
constexpr sqlite3_int64 capacity = 128 * 1024 - 1;

sqlite3_vfs* beneath = nullptr;

// It lies in memory of SQLite's, and the file beneath it right behind.
struct LogFile {
  sqlite3_file base;
  std::unique_ptr<char[]> held;
  sqlite3_int64 begin;  // in the file, of what is held
  sqlite3_int64 size;   // of it

  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& methods() { return *file()->pMethods; }

  // What could not be written is given up: it is of a commit that fails now.
  int write_held() {
    if (size == 0) return SQLITE_OK;
    return methods().xWrite(file(), held.get(), static_cast<int>(std::exchange(size, 0)), begin);
  }
};

LogFile& opened(sqlite3_file* file) { return *reinterpret_cast<LogFile*>(file); }

// Performs a call of the file beneath, when what is held is there too.
template <class Call>
int when_written(sqlite3_file* file, Call call) {
  const int code = opened(file).write_held();
  return code == SQLITE_OK ? call(opened(file).methods(), opened(file).file()) : code;
}

int close_log(sqlite3_file* file) {
  LogFile& log = opened(file);
  const int written = log.write_held();
  const int closed = log.methods().xClose(log.file());
  log.~LogFile();
  return written == SQLITE_OK ? closed : written;
}

int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  LogFile& log = opened(file);
  if (offset != log.begin + log.size || log.size + size > capacity) {
    const int code = log.write_held();
    if (code != SQLITE_OK) return code;
  }
  if (size > capacity) return log.methods().xWrite(log.file(), from, size, offset);
  if (log.size == 0) log.begin = offset;
  std::memcpy(log.held.get() + log.size, from, static_cast<std::size_t>(size));
  log.size += size;
  return SQLITE_OK;
}

int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  return when_written(file, [=](auto& methods, auto* inner) { return methods.xRead(inner, to, size, offset); });
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return when_written(file, [=](auto& methods, auto* inner) { return methods.xTruncate(inner, size); });
}

int sync(sqlite3_file* file, int flags) {
  return when_written(file, [=](auto& methods, auto* inner) { return methods.xSync(inner, flags); });
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return when_written(file, [=](auto& methods, auto* inner) { return methods.xFileSize(inner, size); });
}

int control(sqlite3_file* file, int operation, void* argument) {
  return when_written(file,
                      [=](auto& methods, auto* inner) { return methods.xFileControl(inner, operation, argument); });
}

int lock(sqlite3_file* file, int level) { return opened(file).methods().xLock(opened(file).file(), level); }

int unlock(sqlite3_file* file, int level) { return opened(file).methods().xUnlock(opened(file).file(), level); }

int is_reserved(sqlite3_file* file, int* answer) {
  return opened(file).methods().xCheckReservedLock(opened(file).file(), answer);
}

int sector_size(sqlite3_file* file) { return opened(file).methods().xSectorSize(opened(file).file()); }

int characteristics(sqlite3_file* file) { return opened(file).methods().xDeviceCharacteristics(opened(file).file()); }

constexpr sqlite3_io_methods methods_of_log() {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;
  methods.xClose = close_log;
  methods.xRead = read;
  methods.xWrite = write;
  methods.xTruncate = truncate;
  methods.xSync = sync;
  methods.xFileSize = file_size;
  methods.xLock = lock;
  methods.xUnlock = unlock;
  methods.xCheckReservedLock = is_reserved;
  methods.xFileControl = control;
  methods.xSectorSize = sector_size;
  methods.xDeviceCharacteristics = characteristics;
  return methods;
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  static constexpr sqlite3_io_methods methods = methods_of_log();
  if ((flags & SQLITE_OPEN_WAL) == 0) return beneath->xOpen(beneath, name, file, flags, out_flags);
  file->pMethods = nullptr;  // nothing is to be closed
  std::unique_ptr<char[]> held(new (std::nothrow) char[capacity]);
  if (held == nullptr) return SQLITE_NOMEM;
  auto* log = new (file) LogFile{{nullptr}, std::move(held), 0, 0};
  log->file()->pMethods = nullptr;
  const int code = beneath->xOpen(beneath, name, log->file(), flags, out_flags);
  if (code == SQLITE_OK) {
    log->base.pMethods = &methods;
  } else {
    if (log->file()->pMethods != nullptr) log->methods().xClose(log->file());
    log->~LogFile();
  }
  return code;
}

}  // namespace

const char* vfs_with_gathered_log() {
  static const sqlite3_vfs* const registered = [] {
    beneath = sqlite3_vfs_find(nullptr);
    static sqlite3_vfs vfs = *beneath;
    vfs.zName = "gathered-log";
    vfs.szOsFile += static_cast<int>(sizeof(LogFile));
    vfs.pNext = nullptr;
    vfs.xOpen = open_file;
    sqlite3_vfs_register(&vfs, 0);
    return &vfs;
  }();
  return registered->zName;
}

}  // namespace afterword::store::sqlite
