// Whether the homeserver has delayed events of its own on: there are then two places that schedule.
#include "doctor/checks.h"
#include "doctor/product.h"

namespace afterword::doctor {
namespace {

constexpr const char* name = "delayed_events";

std::vector<Question> questions(const Evidence&) { return {product_questions::versions}; }

Findings judge(const Evidence& evidence) {
  if (!has_delayed_events(evidence.answer(product_questions::versions).body))
    return {{name, Verdict::ok, "Afterword's alone"}};
  const bool is_synapse = product_of(evidence).kind == Product::Kind::synapse;
  return {{name, Verdict::warning,
           "the homeserver's own are on too: what is asked of it past Afterword, it schedules itself, and sends beside "
           "what Afterword sends",
           is_synapse
               ? "take max_event_delay_duration out of homeserver.yaml, and restart Synapse; docs/moving.md says "
                 "how to take over what is scheduled there"
               : "switch them off in the homeserver's configuration, and restart it"}};
}

}  // namespace

const Check delayed_events_check{name, true, questions, judge};

}  // namespace afterword::doctor
