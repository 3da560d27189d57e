// SQLite on a simulated disk: its way to files, time and chance (https://www.sqlite.org/vfs.html) for the whole
// process.
#pragma once

#include "sim/disk.h"

namespace afterword::sim {

// From now on SQLite works on `disk`, which must outlive every database that is opened on it. One at a time.
void mount(Disk& disk);

}  // namespace afterword::sim
