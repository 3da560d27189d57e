// What is asked of Synapse's database, in SQL that SQLite and PostgreSQL both know. Its schema since version 93.
#pragma once

namespace afterword::transfer {

// {0} and {1}: the placeholders of `after` and `limit`. The columns are the members of SynapseEvent.
//
// A row is marked as processed before its event is sent, and goes afterwards. One that is marked still was cut off in
// between: the event itself says whether it came to be. Synapse is stopped, so what is not there will not come.
inline constexpr const char* select_synapse_events =
    "SELECT delay_id, user_localpart, device_id, delay, send_ts, room_id, event_type, state_key, origin_server_ts,"
    " content, sticky_duration_ms,"
    " CASE WHEN is_processed AND EXISTS (SELECT 1 FROM events JOIN event_json ON event_json.event_id = events.event_id"
    " WHERE events.room_id = delayed_events.room_id AND events.type = delayed_events.event_type"
    " AND event_json.internal_metadata LIKE '%\"delay_id\":\"' || delayed_events.delay_id || '\"%') THEN 1 ELSE 0 END"
    " FROM delayed_events WHERE delay_id > {0} ORDER BY delay_id LIMIT {1}";

inline constexpr const char* any_synapse_user = "SELECT name FROM users LIMIT 1";

}  // namespace afterword::transfer
