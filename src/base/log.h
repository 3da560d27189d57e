// The log: one line an event on standard error, through spdlog. Never logs a token, a delay_id or an event's content.
// What others wrote cannot end its line, nor make a field.
#pragma once

#include <spdlog/spdlog.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace afterword {

namespace log = spdlog;

// text: 2026-01-01T00:00:00.000Z warning what happened name=value "other name"="a value with spaces"
// json: {"time":"2026-01-01T00:00:00.000Z","level":"warning","message":"what happened","name":"value"}
enum class LogFormat : std::uint8_t { text, json };

// Sets the format and the level; call once, before any thread starts. `level`: trace, debug, info, warning, error or
// off; false if it is none of these.
bool set_up_log(const std::string& level, LogFormat format = LogFormat::text);

// From now on, on any thread. False if it is no level.
bool set_log_level(const std::string& level);

// As set_log_level() takes it.
std::string log_level();

// What a line tells beside its words, for programs that read it. docs/operations.md has the names.
struct LogField {
  LogField(std::string_view name_, std::string_view text) : name(name_), value(text) {}
  template <std::integral Integer>
  LogField(std::string_view name_, Integer number) : name(name_), value(static_cast<std::int64_t>(number)) {}

  std::string_view name;
  std::variant<std::string_view, std::int64_t> value;
};

// A line with fields behind its words.
void log_with(log::level::level_enum level, std::string_view message, std::span<const LogField> fields);
inline void log_with(log::level::level_enum level, std::string_view message, std::initializer_list<LogField> fields) {
  log_with(level, message, std::span<const LogField>(fields.begin(), fields.size()));
}

// How its lines look.
std::unique_ptr<spdlog::formatter> make_log_formatter(LogFormat format = LogFormat::text);

}  // namespace afterword
