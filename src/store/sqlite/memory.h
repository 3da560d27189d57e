// What SQLite allocates. It takes a dozen small pieces for each statement; its own cache of them, the "lookaside", is
// compiled out in Debian.
#pragma once

namespace afterword::store::sqlite {

// Before SQLite is used: from then on it has its memory from the pool, and counts none of it, which takes a lock each
// time. Thread-safe; nothing from the second time on.
void set_up_memory();

}  // namespace afterword::store::sqlite
