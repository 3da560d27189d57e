#include "gateway/routes.h"

#include "api/manage.h"
#include "base/text.h"
#include "gateway/client_version.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace afterword::gateway {
namespace {

using api::WireForm;
using domain::EventKind;

bool starts_with(Segments path, std::initializer_list<std::string_view> prefix) {
  if (path.size() < prefix.size()) return false;
  std::size_t i = 0;
  for (const std::string_view segment : prefix) {
    if (path[i++] != segment) return false;
  }
  return true;
}

bool only_reads(std::string_view method) { return method == "GET" || method == "HEAD"; }

// The route for the expected method, our own answer for the others.
Route only(std::string_view expected, std::string_view method, Route route) {
  if (method == expected || (expected == "GET" && method == "HEAD")) return route;
  if (method == "OPTIONS") return PreflightRoute{};
  return MethodNotAllowedRoute{};
}

// …/rooms/{roomId}/delayed_event/{eventType}/{txnId}, from `rooms` on
std::optional<Route> find_schedule(std::string_view method, WireForm form, Segments path) {
  if (path.size() != 5 || path[0] != "rooms" || path[2] != "delayed_event") return std::nullopt;
  ScheduleRoute route;
  route.form = form;
  route.room_id = path[1];
  route.type = path[3];
  route.txn_id = path[4];
  return only("PUT", method, route);
}

// …/rooms/{roomId}/{send|state|redact}/…?org.matrix.msc4140.delay=, from `rooms` on
std::optional<Route> find_legacy_schedule(std::string_view method, Segments path) {
  if (path.size() < 4 || path[0] != "rooms") return std::nullopt;
  ScheduleRoute route;
  route.form = WireForm::legacy;
  route.room_id = path[1];
  const std::string_view verb = path[2];
  if (verb == "send" && path.size() == 5) {
    route.type = path[3];
    route.txn_id = path[4];
  } else if (verb == "state" && path.size() <= 5) {
    route.kind = EventKind::state;
    route.type = path[3];
    if (path.size() == 5) route.state_key = path[4];
  } else if (verb == "redact" && path.size() == 5) {
    route.kind = EventKind::redaction;
    route.type = "m.room.redaction";
    route.redacts = path[3];
    route.txn_id = path[4];
  } else {
    return std::nullopt;
  }
  return only("PUT", method, route);
}

// delayed_events…, from there on
std::optional<Route> find_delayed_events(std::string_view method, WireForm form, Segments path) {
  if (path.empty() || path[0] != "delayed_events") return std::nullopt;
  if (path.size() == 1) {
    return form == WireForm::stable ? only("GET", method, ListRoute{}) : only("GET", method, ListScheduledRoute{});
  }
  if (path.size() == 2) {
    if (method == "POST" && form == WireForm::unstable) return ManageRoute{form, path[1], std::nullopt};
    return only("GET", method, LookUpRoute{form, path[1]});
  }
  if (path.size() == 3) {
    if (path[2] == "afterword.retry") return only("POST", method, RetryRoute{path[1]});
    const std::optional<domain::Action> action = api::read_action(path[2]);
    if (!action) return method == "OPTIONS" ? Route(PreflightRoute{}) : Route(UnrecognizedRoute{});
    return only("POST", method, ManageRoute{form, path[1], action});
  }
  return UnrecognizedRoute{};
}

// The routes of delayed events in a version that does not have them, or with a slash too many. A homeserver with
// delayed events of its own must not take them over.
bool is_of_delayed_events(Segments client_path) {
  const Segments path = after_any_version(client_path).value_or(client_path);
  return starts_with(path, {"delayed_events"}) || (path.size() > 2 && path[0] == "rooms" && path[2] == "delayed_event");
}

constexpr std::string_view unstable_list_prefix = "org.matrix.msc4486.";

std::optional<std::string> unstable_list_parameter(const http::Target& target, std::string_view name) {
  return target.parameter(std::string(unstable_list_prefix).append(name));
}

// By these names MSC4486 adds to the list of scheduled events, which has no parameters of its own.
bool has_unstable_list_parameter(const http::Target& target) {
  constexpr std::array<std::string_view, 7> names{"from_ts", "to_ts", "dir", "from", "room_id", "type", "status"};
  return std::ranges::any_of(names,
                             [&](std::string_view name) { return unstable_list_parameter(target, name).has_value(); });
}

std::optional<Route> find_ours(std::string_view method, Segments path, const http::Target& target, bool has_delay) {
  if (starts_with(path, {"unstable", "org.matrix.msc4140"})) {
    const Segments rest = path.subspan(2);
    if (rest.size() == 1 && rest[0] == "delayed_events" && has_unstable_list_parameter(target)) {
      return only("GET", method, ListRoute{WireForm::unstable});
    }
    if (auto route = find_schedule(method, WireForm::unstable, rest)) return route;
    if (auto route = find_delayed_events(method, WireForm::unstable, rest)) return route;
    return UnrecognizedRoute{};
  }
  if (starts_with(path, {"v1"})) {
    if (auto route = find_delayed_events(method, WireForm::stable, path.subspan(1))) return route;
  }
  if (starts_with(path, {"v3"})) {
    if (auto route = find_schedule(method, WireForm::stable, path.subspan(1))) return route;
  }
  if (starts_with(path, {"unstable", "org.matrix.msc4486", "delayed_events"}) && path.size() == 3) {
    return only("GET", method, ListRoute{});
  }
  if (only_reads(method) && path.size() == 1 && path[0] == "versions") return VersionsRoute{};
  if (is_of_delayed_events(path)) return method == "OPTIONS" ? Route(PreflightRoute{}) : Route(UnrecognizedRoute{});
  if (const auto rest = after_version(path)) {
    if (has_delay && !only_reads(method)) {
      if (auto route = find_legacy_schedule(method, *rest)) return route;
    }
    if (only_reads(method) && rest->size() == 1 && rest->front() == "capabilities") return CapabilitiesRoute{};
  }
  return std::nullopt;
}

Revokes what_is_revoked(std::string_view method, Segments client_path) {
  const auto rest = after_any_version(client_path);
  if (!rest) return Revokes::nothing;
  if (method == "POST") {
    if (starts_with(*rest, {"logout"})) return rest->size() == 1 ? Revokes::this_token : Revokes::all_tokens;
    if (starts_with(*rest, {"account", "password"}) && rest->size() == 2) return Revokes::all_tokens;
    if (starts_with(*rest, {"account", "deactivate"}) && rest->size() == 2) return Revokes::the_account;
    if (starts_with(*rest, {"delete_devices"}) && rest->size() == 1) return Revokes::all_tokens;
  }
  if (method == "DELETE" && starts_with(*rest, {"devices"})) return Revokes::all_tokens;
  return Revokes::nothing;
}

// Synapse's admin API: whatever changes a user may end what their tokens are good for.
void hear_of_administration(PassThroughRoute& route, std::string_view method, Segments path) {
  if (http::is_safe(method) || path.size() < 5 || !starts_with(path, {"_synapse", "admin"})) return;
  const std::string_view what = path[3];
  const std::string_view user_id = path[4];
  if (!user_id.starts_with('@')) return;
  route.administered = user_id;
  route.answers_with_account = what == "users" && path.size() == 5;
  const bool may_deactivate = what == "deactivate" || route.answers_with_account;
  route.revokes = may_deactivate ? Revokes::the_account : Revokes::all_tokens;
}

// Simplified sliding sync asks by POST.
bool is_sliding_sync(std::string_view method, Segments client_path) {
  const auto path = after_any_version(client_path);
  return method == "POST" && path && path->size() == 1 && path->front() == "sync";
}

// All that wait for news have the parameter `timeout`.
bool is_long_poll(std::string_view method, const http::Target& target, Segments client_path) {
  return (only_reads(method) || is_sliding_sync(method, client_path)) && target.parameter("timeout").has_value();
}

// Whether any Content-Type of it, for there may be several, has this in it.
bool has_type(const http::Request& request, std::string_view part) {
  return std::ranges::any_of(request.headers, [&](const http::Header& header) {
    return http::equal_ignoring_case(header.name, "Content-Type") &&
           to_lower(header.value).find(part) != std::string::npos;
  });
}

}  // namespace

std::optional<std::string> list_parameter(const http::Target& target, std::string_view name) {
  auto unstable = unstable_list_parameter(target, name);
  return unstable ? unstable : target.parameter(name);
}

bool is_served(const std::vector<std::string>& served_paths, const http::Target& target) {
  const auto is_at_or_below = [&](const std::string& served) {
    return target.path.starts_with(served) &&
           (target.path.size() == served.size() || target.path[served.size()] == '/');
  };
  return served_paths.empty() || std::ranges::any_of(served_paths, is_at_or_below);
}

bool is_form(const http::Request& request) { return has_type(request, "urlencoded"); }

bool may_name_delay_in_form(const http::Request& request, const http::Target& target) {
  if (only_reads(request.method)) return false;
  // Wherever it stands in the path: a proxy behind us may write what it is given in another way (//, as one /).
  const bool is_of_rooms = std::ranges::find(target.segments, "rooms") != target.segments.end();
  if (is_of_rooms && has_type(request, "multipart")) return true;
  if (!is_form(request)) return false;
  // To look through more would hold everybody else up, and what is no business of rooms may be an upload.
  if (request.body.size() > max_form_bytes) return is_of_rooms;
  return http::find_parameter(request.body, delay_parameter).has_value();
}

Route find_route(std::string_view method, const http::Target& target) {
  const bool has_delay = target.parameter(delay_parameter).has_value();
  const Segments path = target.segments;
  const bool is_client_path = starts_with(path, {"_matrix", "client"});
  const Segments client_path = is_client_path ? path.subspan(2) : Segments();

  if (is_client_path) {
    if (auto route = find_ours(method, client_path, target, has_delay)) return std::move(*route);
  }
  if (has_delay && !http::is_safe(method)) return UnrecognizedRoute{};
  if (path.size() == 2 && path[0] == "_afterword") return UserPageRoute{path[1]};
  PassThroughRoute route;
  route.revokes = what_is_revoked(method, client_path);
  route.is_long_poll = is_long_poll(method, target, client_path);
  hear_of_administration(route, method, path);
  return route;
}

}  // namespace afterword::gateway
