// `afterword check`: gathers the evidence, and has each check (checks.h) judge it.
//
// Changes nothing: it sends no event, and makes no database. The configuration must outlive the task. Thread: its
// executor's only one.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "doctor/evidence.h"
#include "doctor/finding.h"
#include "ops/configuration.h"

#include <functional>
#include <string>

namespace afterword::doctor {

// look_at_database.h, or what a test has in place of it.
using LookAtDatabase = std::function<async::Task<DatabaseSeen>(const ops::Configuration& configuration)>;

// The configuration's warnings first, then in the order of the checks.
async::Task<Findings> examine(async::Executor executor, const ops::Configuration& configuration,
                              LookAtDatabase look_at_database);

}  // namespace afterword::doctor
