// SQLite's write-ahead log, written a commit at a time: SQLite writes each page of a commit by two system calls, which
// for a schedule take longer than all that it does itself.
//
// What is written to the log is held back while it goes on where it ended, at most until the log is synced, read, cut
// off or closed. So whatever SQLite relies on it finds: it promises nothing of a commit before the sync. Where a write
// fails, it hears so from the call that follows, and undoes the commit as it does when that call fails itself.
#pragma once

namespace afterword::store::sqlite {

// The name of SQLite's default way to files (a "VFS"), but for the log. Thread-safe. Who changes the default does so
// before.
const char* vfs_with_gathered_log();

}  // namespace afterword::store::sqlite
