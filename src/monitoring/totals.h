// The figures of an instance that say at a glance whether it is well, for the operator's API: those of the metrics, but
// a few and as JSON. docs/openapi.yaml says what each is.
#pragma once

#include "base/json.h"
#include "monitoring/exposition.h"

namespace afterword::monitoring {

// But for what is not in the sources: whether it is ready, and the time.
json::object totals(const Sources& sources);

}  // namespace afterword::monitoring
