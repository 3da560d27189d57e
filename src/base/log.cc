#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

namespace afterword {

bool set_up_log(const std::string& level) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") return false;
  spdlog::set_default_logger(spdlog::stderr_logger_mt("afterword"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::set_level(parsed);
  return true;
}

}  // namespace afterword
