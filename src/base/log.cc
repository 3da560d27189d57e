#include "base/log.h"

#include "base/encoding.h"
#include "base/json.h"
#include "base/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <iterator>
#include <optional>

namespace afterword {
namespace {

// Those of the line that this thread is writing. They take no part in its text, so that no text can look like them.
thread_local std::span<const LogField> fields_of_line;

template <class Out>
void escape_to(Out& out, unsigned char byte) {
  fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
}

// As it is where it is a word; else in quotes.
std::string shown(std::string_view text) {
  const auto is_plain = [](char letter) {
    return letter > ' ' && letter < 0x7f && letter != '"' && letter != '=' && letter != '\\';
  };
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  return to_text(json::value(text));
}

// The message, with what would end the line, or steer a terminal, as \xNN: others write some of what is logged. And its
// fields.
class OnOneLine final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    append(line, message.payload);
    for (const LogField& field : fields_of_line) {
      const auto* const text = std::get_if<std::string_view>(&field.value);
      append(line, fmt::format(" {}=", field.name));
      append(line, text != nullptr ? shown(*text) : std::to_string(std::get<std::int64_t>(field.value)));
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<OnOneLine>(); }

 private:
  template <class Text>
  static void append(spdlog::memory_buf_t& line, const Text& text) {
    for (const char character : text) {
      if (is_control(character)) {
        escape_to(line, static_cast<unsigned char>(character));
      } else {
        line.push_back(character);
      }
    }
  }
};

class JsonLines final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto time = std::chrono::floor<std::chrono::milliseconds>(message.time);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto level = spdlog::level::to_string_view(message.level);
    json::object said{
        {"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), (time - seconds).count())},
        {"level", std::string_view(level.data(), level.size())},
        {"message", readable({message.payload.data(), message.payload.size()})},
    };
    for (const LogField& field : fields_of_line) {
      const auto* const text = std::get_if<std::string_view>(&field.value);
      said[field.name] =
          text != nullptr ? json::value(readable(*text)) : json::value(std::get<std::int64_t>(field.value));
    }
    const std::string text = to_text(json::value(std::move(said)));
    line.append(text);
    line.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonLines>(); }

 private:
  // JSON is UTF-8.
  static std::string readable(std::string_view text) {
    if (is_valid_utf8(text)) return std::string(text);
    std::string escaped;
    for (const char character : text) {
      const auto byte = static_cast<unsigned char>(character);
      if (byte < 0x80) {
        escaped += character;
      } else {
        escape_to(escaped, byte);
      }
    }
    return escaped;
  }
};

std::optional<spdlog::level::level_enum> parse_level(const std::string& level) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") return std::nullopt;
  return parsed;
}

}  // namespace

void log_with(log::level::level_enum level, std::string_view message, std::span<const LogField> fields) {
  fields_of_line = fields;
  spdlog::log(level, spdlog::string_view_t(message.data(), message.size()));
  fields_of_line = {};
}

std::unique_ptr<spdlog::formatter> make_log_formatter(LogFormat format) {
  if (format == LogFormat::json) return std::make_unique<JsonLines>();
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<OnOneLine>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %*");
  return formatter;
}

bool set_up_log(const std::string& level, LogFormat format) {
  const auto parsed = parse_level(level);
  if (!parsed) return false;
  spdlog::set_default_logger(spdlog::stderr_logger_mt("afterword"));
  spdlog::set_formatter(make_log_formatter(format));
  spdlog::set_level(*parsed);
  return true;
}

bool set_log_level(const std::string& level) {
  const auto parsed = parse_level(level);
  if (parsed) spdlog::set_level(*parsed);
  return parsed.has_value();
}

std::string log_level() {
  const spdlog::string_view_t name = spdlog::level::to_string_view(spdlog::get_level());
  return std::string(name.data(), name.size());
}

}  // namespace afterword
