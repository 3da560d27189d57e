// A delayed event as the operator's API shows it: whose it is, where, when, and what has become of it. Never its
// content, and never its delay_id (event_handles.h).
#pragma once

#include "base/json.h"
#include "base/time.h"
#include "domain/delayed_event.h"
#include "monitoring/event_handles.h"

namespace afterword::monitoring {

// Its times are shown as wall time, which is `wall_offset` ahead of server time.
json::object shown_event(const domain::DelayedEvent& event, const EventHandles& handles, Milliseconds wall_offset);

// What the homeserver answered, in its own words, as far as they are short.
json::object shown_error(const domain::HomeserverError& error);

}  // namespace afterword::monitoring
