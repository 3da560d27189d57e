// The log: one line an event on standard error, through spdlog. Never logs a token, a delay_id or an event's content.
// What others wrote cannot end its line.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace afterword {

namespace log = spdlog;

// Sets the pattern and the level; call once, before any thread starts. `level`: trace, debug, info, warning, error or
// off; false if it is none of these.
bool set_up_log(const std::string& level);

// How its lines look.
std::unique_ptr<spdlog::formatter> make_log_formatter();

}  // namespace afterword
