#include "delivery/event_log.h"

#include "base/encoding.h"

#include <fmt/format.h>

#include <vector>

namespace afterword::delivery {

std::string log_name(const domain::DelayId& delay_id) {
  const Sha256 digest = sha256(delay_id.to_string());
  return fmt::format("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
}

void log_event(log::level::level_enum level, std::string_view message, const domain::DelayId& delay_id,
               std::initializer_list<LogField> fields) {
  if (!log::should_log(level)) return;
  const std::string name = log_name(delay_id);
  std::vector<LogField> all{{"event", name}};
  all.insert(all.end(), fields);
  log_with(level, message, all);
}

}  // namespace afterword::delivery
