// The log: one line an event on standard error, through spdlog. Never logs a token, a delay_id or an event's content.
#pragma once

#include <spdlog/spdlog.h>

namespace afterword {

namespace log = spdlog;

// Sets the pattern and the level; call once, before any thread starts. `level`: trace, debug, info, warning, error or
// off; false if it is none of these.
bool set_up_log(const std::string& level);

}  // namespace afterword
