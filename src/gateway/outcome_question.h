// Who asks the homeserver for news, and wants to hear there what has become of their delayed events (MSC4309,
// docs/protocol.md section 12). Pure.
#pragma once

#include "http/target.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::gateway {

// In the filter of /sync, among the extensions of simplified sliding sync, and in the answers.
inline constexpr std::string_view outcomes_key = "org.matrix.msc4140.finalised_delayed_events";

enum class SyncForm : std::uint8_t { sync, sliding_sync };

struct OutcomeQuestion {
  SyncForm form = SyncForm::sync;
  std::string since;  // the token of the answer before; empty: there was none
};

// Nothing if it is not asked for. Of simplified sliding sync the body says it: asks_for_outcomes().
std::optional<OutcomeQuestion> find_outcome_question(std::string_view method, const http::Target& target);
bool asks_for_outcomes(std::string_view sliding_sync_body);

// The same question to which the answer comes at once, whether there are news or not.
std::string without_waiting(std::string_view target);

}  // namespace afterword::gateway
