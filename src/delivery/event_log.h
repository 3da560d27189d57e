// Lines of the log about one delayed event. They name it by a few letters that follow from its delay_id, which nobody
// can go back from, so that its life can be followed: docs/operations.md says how to get them.
#pragma once

#include "base/log.h"
#include "domain/ids.h"

#include <initializer_list>
#include <string>
#include <string_view>

namespace afterword::delivery {

// The first 8 hexadecimal digits of its SHA-256.
std::string log_name(const domain::DelayId& delay_id);

// With the field `event`, and these. Costs nothing where the level is not logged.
void log_event(log::level::level_enum level, std::string_view message, const domain::DelayId& delay_id,
               std::initializer_list<LogField> fields = {});

}  // namespace afterword::delivery
