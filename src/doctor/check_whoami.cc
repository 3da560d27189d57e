// How often the homeserver lets itself be asked whose a token is. Dendrite limits that by device, together with much
// else that the device asks for; a heartbeat whose token is not known yet waits for it.
#include "doctor/checks.h"
#include "doctor/product.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace afterword::doctor {
namespace {

constexpr const char* name = "whoami";

// Has the same limit as whoami, and needs no token.
const Question same_limit{.target = "/_matrix/client/v3/login", .times = 12};

// What Dendrite comes with, which Afterword waits out (5 in half a second).
constexpr std::int64_t usual_count = 5;
constexpr std::int64_t usual_pause_ms = 500;

std::vector<Question> questions(const Evidence& evidence) {
  if (product_of(evidence).kind != Product::Kind::dendrite) return {};
  return {same_limit};
}

Findings judge(const Evidence& evidence) {
  const std::vector<Answer>& answers = evidence.answers(same_limit);
  if (answers.empty()) return {};
  const auto limited = std::ranges::find(answers, http::too_many_requests, &Answer::status);
  if (limited == answers.end()) return {{name, Verdict::ok, "not limited"}};

  const std::int64_t count = limited - answers.begin();
  const json::value* const told = limited->body.if_contains("retry_after_ms");
  const std::int64_t pause_ms = told != nullptr && told->is_int64() ? told->get_int64() : usual_pause_ms;
  const std::string limit = fmt::format("limited to {} in {} ms for each device", count, pause_ms);
  if (count >= usual_count && pause_ms <= usual_pause_ms) {
    return {{name, Verdict::ok, limit + ", which Afterword waits out"}};
  }
  return {
      {name, Verdict::warning, limit + ": heartbeats of clients that ask for much may be answered too late",
       fmt::format("set client_api.rate_limiting in dendrite.yaml to threshold: {} or more and cooloff_ms: {} or less",
                   usual_count, usual_pause_ms)}};
}

}  // namespace

const Check whoami_check{name, true, questions, judge};

}  // namespace afterword::doctor
