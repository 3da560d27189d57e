// The kinds of requests that must come to Afterword, or may, as `afterword check --public` asks for them.
//
// {room} and {event} stand for what is asked for; findings name a route without it.
#pragma once

#include <string_view>

namespace afterword::doctor::public_routes {

struct Route {
  std::string_view method;
  std::string_view path;
};

inline constexpr Route delayed_events[] = {
    {"PUT", "/_matrix/client/v3/rooms/{room}/delayed_event/{event}/txn"},
    {"PUT", "/_matrix/client/unstable/org.matrix.msc4140/rooms/{room}/delayed_event/{event}/txn"},
    {"GET", "/_matrix/client/v1/delayed_events"},
    {"GET", "/_matrix/client/v1/delayed_events/{event}"},
    {"POST", "/_matrix/client/v1/delayed_events/{event}/restart"},
    {"POST", "/_matrix/client/v1/delayed_events/{event}/cancel"},
    {"POST", "/_matrix/client/v1/delayed_events/{event}/send"},
    {"GET", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"},
    {"GET", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{event}"},
    {"POST", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{event}"},
    {"POST", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{event}/restart"},
    {"POST", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{event}/cancel"},
    {"POST", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{event}/send"},
    {"GET", "/_matrix/client/unstable/org.matrix.msc4486/delayed_events"},
};
// A homeserver without delayed events sends at once what it is asked for here, and says 200.
inline constexpr Route with_delay[] = {
    {"PUT", "/_matrix/client/v3/rooms/{room}/send/{event}/txn?org.matrix.msc4140.delay=60000"},
    {"PUT", "/_matrix/client/r0/rooms/{room}/send/{event}/txn?org.matrix.msc4140.delay=60000"},
    {"PUT", "/_matrix/client/v3/rooms/{room}/send/{event}/txn?user_id=%40a%3Ab&org.matrix.msc4140.delay=60000"},
    {"PUT", "/_matrix/client/v3/rooms/{room}/state/{event}?org.matrix.msc4140.delay=60000"},
    {"PUT", "/_matrix/client/v3/rooms/{room}/state/{event}/?org.matrix.msc4140.delay=60000"},
    {"PUT", "/_matrix/client/v3/rooms/{room}/state/{event}/{event}?org.matrix.msc4140.delay=60000"},
    {"PUT", "/_matrix/client/r0/rooms/{room}/state/{event}/{event}?org.matrix.msc4140.delay=60000"},
    {"PUT", "/_matrix/client/v3/rooms/{room}/redact/{event}/txn?org.matrix.msc4140.delay=60000"},
};
inline constexpr Route announcements[] = {
    {"GET", "/_matrix/client/versions"},
    {"GET", "/_matrix/client/v3/capabilities"},
    {"GET", "/_matrix/client/r0/capabilities"},
};
inline constexpr Route log_outs[] = {
    {"POST", "/_matrix/client/v3/logout"},
    {"POST", "/_matrix/client/v3/logout/all"},
};
inline constexpr Route ends_of_tokens[] = {
    {"POST", "/_matrix/client/v3/account/password"},
    {"POST", "/_matrix/client/v3/account/deactivate"},
    {"POST", "/_matrix/client/v3/delete_devices"},
    {"DELETE", "/_matrix/client/v3/devices/{event}"},
};
inline constexpr Route sync{"GET", "/_matrix/client/v3/sync?timeout=30000"};
inline constexpr Route news[] = {
    sync,
    {"POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"},
    {"GET", "/_matrix/client/v3/rooms/{room}/messages?dir=b"},
};

}  // namespace afterword::doctor::public_routes
