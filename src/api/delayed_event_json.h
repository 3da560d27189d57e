// A delayed event as clients see it (docs/protocol.md section 3).
#pragma once

#include "api/wire_form.h"
#include "domain/delayed_event.h"

#include <cstddef>
#include <string>

namespace afterword::api {

// One JSON object. The unstable form has the older names too: `delay`, `running_since`, and what is in `finalised`
// beside the other members. Its times are shown as wall time, which is `wall_offset` ahead of server time.
std::string to_json(const domain::DelayedEvent& event, WireForm form, Milliseconds wall_offset);
// What one takes about, without its content.
inline constexpr std::size_t usual_json_bytes = 256;
// The same, at the end of `text`.
void append_json(std::string& text, const domain::DelayedEvent& event, WireForm form, Milliseconds wall_offset);

}  // namespace afterword::api
