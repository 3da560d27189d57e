#include "base/log.h"

#include "base/text.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <iterator>

namespace afterword {
namespace {

// The message, with what would end the line, or steer a terminal, as \xNN: others write some of what is logged.
class OnOneLine final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    for (const char character : message.payload) {
      if (is_control(character)) {
        fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(character));
      } else {
        line.push_back(character);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<OnOneLine>(); }
};

}  // namespace

std::unique_ptr<spdlog::formatter> make_log_formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<OnOneLine>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %*");
  return formatter;
}

bool set_up_log(const std::string& level) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") return false;
  spdlog::set_default_logger(spdlog::stderr_logger_mt("afterword"));
  spdlog::set_formatter(make_log_formatter());
  spdlog::set_level(parsed);
  return true;
}

}  // namespace afterword
