// Says at intervals that the server is alive, for a service manager that ends one that no longer does, and starts it
// anew (systemd: WatchdogSec=).
//
// It is alive if its only thread of input and output runs this task, and if the store answers, behind the changes that
// others wait for. The answer need not be yes: a full disk, or a database that is away, would be the same after a
// restart, which would only interrupt what passes through. /health/ready says what the answer is.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "store/store.h"

#include <chrono>
#include <functional>

namespace afterword {

// Until it is cancelled. The clock and the store outlive the task.
async::Task<void> keep_watchdog(async::Clock& clock, store::Store& store, std::chrono::milliseconds interval,
                                std::function<void()> say_alive);

}  // namespace afterword
