// The version in a path of the client-server API.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace afterword::gateway {

using Segments = std::span<const std::string_view>;

// Of the segments behind /_matrix/client, those behind the version; nothing if homeservers do not serve the ordinary
// routes under that version.
inline std::optional<Segments> after_version(Segments client_path) {
  constexpr std::array<std::string_view, 3> versions{"r0", "v3", "unstable"};
  if (client_path.empty()) return std::nullopt;
  const Segments rest = client_path.subspan(1);
  if (std::ranges::find(versions, client_path[0]) != versions.end()) return rest;
  if (client_path[0] == "api" && !rest.empty() && rest[0] == "v1") return rest.subspan(1);
  return std::nullopt;
}

// Of all versions, and behind the name of a proposal under `unstable`. Homeservers differ in which version has what.
inline std::optional<Segments> after_any_version(Segments client_path) {
  constexpr std::array<std::string_view, 2> others{"v1", "v4"};
  if (client_path.empty()) return std::nullopt;
  if (std::ranges::find(others, client_path[0]) != others.end()) return client_path.subspan(1);
  const std::optional<Segments> rest = after_version(client_path);
  const bool has_proposal =
      rest && client_path[0] == "unstable" && !rest->empty() && rest->front().find('.') != std::string_view::npos;
  return has_proposal ? rest->subspan(1) : rest;
}

}  // namespace afterword::gateway
