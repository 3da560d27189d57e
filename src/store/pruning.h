// Keeps to the retention: forgets finalised events that are too old or too many (docs/protocol.md section 8).
#pragma once

#include "async/clock.h"
#include "store/store.h"

namespace afterword::store {

// Prunes once a minute until it is cancelled. A round that leaves something is followed by the next one soon, so that
// other requests find their way in between.
Task<void> keep_pruning(async::Clock& clock, Store& store, domain::Retention retention);

}  // namespace afterword::store
