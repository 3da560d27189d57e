// Announces delayed events within the homeserver's own answers (docs/protocol.md section 5). Pure.
#pragma once

#include "domain/limits.h"

#include <optional>
#include <string>
#include <string_view>

namespace afterword::api {

// The homeserver's answer to GET C/versions with our features among its `unstable_features`; nothing if it is not a
// JSON object, which is then passed on as it is. `tells_who_is_joined`: a service of its own (gateway/sidecar.h).
std::optional<std::string> announce_in_versions(std::string_view homeserver_answer, bool tells_who_is_joined = false);

// The homeserver's answer to GET C/v3/capabilities with our limits; likewise.
std::optional<std::string> announce_in_capabilities(std::string_view homeserver_answer, const domain::Limits& limits);

}  // namespace afterword::api
