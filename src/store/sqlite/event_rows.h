// The whole delayed event out of SQL.
#pragma once

#include "domain/delayed_event.h"
#include "store/sqlite/database.h"

#include <string_view>

namespace afterword::store::sqlite {

// In the order in which read_event() wants them.
inline constexpr std::string_view event_columns =
    "delay_id, user_id, device_id, room_id, kind, type, state_key, redacts, content, sticky_duration_ms,"
    " origin_server_ts, delayed_since_ts, delay_ms, state, attempt_ts, attempt_on_request, finalised_ts, event_id,"
    " error_status, error_body";

// Of an active event delayed_since may be older than what ActiveEvents has.
domain::DelayedEvent read_event(const Rows& rows);

domain::DelayId to_delay_id(Blob bytes);

}  // namespace afterword::store::sqlite
