// Opens the configuration's database and closes it again, and tells what keeps its commits.
//
// Makes none. How long a sync takes is tried with a file that has no name, and with commits that write to no table. The
// configuration must outlive the task. Thread: its executor's only one, which waits for the database meanwhile.
#pragma once

#include "async/task.h"
#include "doctor/evidence.h"
#include "ops/configuration.h"

namespace afterword::doctor {

async::Task<DatabaseSeen> look_at_database(async::Executor executor, const ops::Configuration& configuration);

}  // namespace afterword::doctor
