// The whole delayed event out of SQL.
#pragma once

#include "domain/delayed_event.h"
#include "store/postgres/connection.h"

#include <string_view>

namespace afterword::store::postgres {

// Of `events AS e LEFT JOIN active AS a`, in the order in which read_event() wants them.
inline constexpr std::string_view event_columns =
    "e.delay_id, e.user_id, e.device_id, e.room_id, e.kind, e.type, e.state_key, e.redacts, e.content,"
    " e.sticky_duration_ms, e.origin_server_ts, coalesce(a.delayed_since_ts, e.delayed_since_ts), e.delay_ms,"
    " coalesce(a.state, e.state), a.attempt_ts, a.attempt_on_request, e.finalised_ts, e.event_id, e.error_status,"
    " e.error_body";

domain::DelayedEvent read_event(const Rows& rows, int row);

}  // namespace afterword::store::postgres
