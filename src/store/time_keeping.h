// Keeps server time going from one start to the next (base/server_time.h).
#pragma once

#include "async/clock.h"
#include "store/store.h"

namespace afterword::store {

// Has the clock follow the store. At the start, before anything else asks for the time.
Task<StoreResult<void>> restore_server_time(async::Clock& clock, Store& store);

// Tells the store once a minute how far server time is, and within a second when somebody has set the wall clock: after
// a boot of the machine nothing else tells what lay between the two. Until it is cancelled.
Task<void> save_server_time(async::Clock& clock, Store& store);

}  // namespace afterword::store
