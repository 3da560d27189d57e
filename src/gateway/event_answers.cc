#include "gateway/event_answers.h"

#include "gateway/client_version.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace afterword::gateway {
namespace {

template <std::size_t size>
bool is_one_of(std::string_view name, const std::array<std::string_view, size>& names) {
  return std::ranges::find(names, name) != names.end();
}

// rooms/{roomId}/…, after the room
bool room_route_shows_events(Segments path, const http::Target& target) {
  constexpr std::array<std::string_view, 5> whole{"messages", "state", "members", "threads", "initialSync"};
  constexpr std::array<std::string_view, 3> around_an_event{"context", "event", "relations"};
  if (path.empty()) return false;
  if (path.size() == 1) return is_one_of(path[0], whole);
  // state/{eventType}/{stateKey}: the content alone, unless asked for the event
  if (path[0] == "state") return path.size() <= 3 && target.parameter("format") == "event";
  // relations/{eventId}/{relType}/{eventType}
  return is_one_of(path[0], around_an_event) && path.size() <= (path[0] == "relations" ? 4 : 2);
}

bool get_shows_events(Segments path, const http::Target& target) {
  constexpr std::array<std::string_view, 4> whole{"sync", "events", "initialSync", "notifications"};
  if (path.size() == 1) return is_one_of(path[0], whole);
  if (path[0] == "events") return path.size() == 2;
  return path.size() > 2 && path[0] == "rooms" && room_route_shows_events(path.subspan(2), target);
}

// Simplified sliding sync, and search.
bool post_shows_events(Segments path) { return path.size() == 1 && (path[0] == "sync" || path[0] == "search"); }

}  // namespace

bool may_show_events(std::string_view method, const http::Target& target) {
  const Segments segments = target.segments;
  if (segments.size() < 2 || segments[0] != "_matrix" || segments[1] != "client") return false;
  const std::optional<Segments> path = after_any_version(segments.subspan(2));
  if (!path || path->empty()) return false;
  if (method == "GET") return get_shows_events(*path, target);
  return method == "POST" && post_shows_events(*path);
}

}  // namespace afterword::gateway
