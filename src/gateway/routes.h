// Which of our endpoints a request means, if any (docs/protocol.md sections 1 to 5). Pure.
#pragma once

#include "api/wire_form.h"
#include "domain/delayed_event.h"
#include "domain/transitions.h"
#include "http/message.h"
#include "http/target.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace afterword::gateway {

// Sending with a delay, and the two routes of delayed events. The path's parts are decoded; they are the target's,
// which outlives the route.
struct ScheduleRoute {
  api::WireForm form = api::WireForm::stable;
  domain::EventKind kind = domain::EventKind::message;
  std::string_view room_id;
  std::string_view type;
  std::string_view state_key;
  std::string_view redacts;
  std::optional<std::string_view> txn_id;
};

struct ManageRoute {
  api::WireForm form = api::WireForm::stable;
  std::string_view delay_id;
  std::optional<domain::Action> action;  // absent: it stands in the body
};

struct RetryRoute {
  std::string_view delay_id;
};

struct LookUpRoute {
  api::WireForm form = api::WireForm::stable;
  std::string_view delay_id;
};

struct ListScheduledRoute {};
struct ListRoute {
  api::WireForm form = api::WireForm::stable;
};
struct VersionsRoute {};
struct CapabilitiesRoute {};

// The page for users, if it is on; the homeserver's if not (user_page.h).
struct UserPageRoute {
  std::string_view file;
};

struct PreflightRoute {};         // OPTIONS on one of ours
struct UnrecognizedRoute {};      // under one of our prefixes, but nothing we know
struct MethodNotAllowedRoute {};  // one of ours, with another method

// Everything else is the homeserver's. Some of it ends what a token may do, which we must hear of.
enum class Revokes : std::uint8_t {
  nothing,
  this_token,   // logout
  all_tokens,   // logout of all devices, of some of them, or a new password
  the_account,  // deactivation, if the homeserver says so (deactivation.h)
};
struct PassThroughRoute {
  Revokes revokes = Revokes::nothing;
  std::string administered{};         // the user whose rights end, by an admin's hand; empty: who asks
  bool answers_with_account = false;  // as it is now; it may have been deactivated or not
  bool is_long_poll = false;          // waits for news, and may be cut: it does no harm to ask again
};

using Route = std::variant<ScheduleRoute, ManageRoute, RetryRoute, LookUpRoute, ListScheduledRoute, ListRoute,
                           VersionsRoute, CapabilitiesRoute, UserPageRoute, PreflightRoute, UnrecognizedRoute,
                           MethodNotAllowedRoute, PassThroughRoute>;

inline constexpr std::string_view delay_parameter = "org.matrix.msc4140.delay";

// A parameter of the list of all delayed events, under the name that one text of MSC4486 gives it while it is unstable,
// or else under its plain name.
std::optional<std::string> list_parameter(const http::Target& target, std::string_view name);

// A changing request with the delay parameter never passes through, whatever its path: a homeserver without delayed
// events would send the event at once. One that only reads may: no homeserver sends at a GET. HEAD is as GET.
Route find_route(std::string_view method, const http::Target& target);

// Whether a path may pass through where only these do: it is one of them, or below it. Without any, all do. It is read
// as it was written: what is encoded in another way is not served.
bool is_served(const std::vector<std::string>& served_paths, const http::Target& target);

// A body of this type, up to this size, is looked through before it passes. It is four times what an event may have: as
// JSON it may be written with spaces.
bool is_form(const http::Request& request);
inline constexpr std::size_t max_form_bytes = 64 * 1024;

// Whether a homeserver could read the delay parameter in the body of this request, for Twisted takes a form for a part
// of the query. In a form in several parts, or one that is larger than any event, it is not looked for: no route of
// rooms knows these.
bool may_name_delay_in_form(const http::Request& request, const http::Target& target);

}  // namespace afterword::gateway
