// What clients see: that there are delayed events, and which limits they have.
#include "api/announce.h"
#include "doctor/checks.h"
#include "doctor/product.h"

#include <fmt/format.h>

#include <chrono>

namespace afterword::doctor {
namespace {

constexpr const char* name = "clients";

const Question capabilities{.target = "/_matrix/client/v3/capabilities", .token = Question::Token::as_token};
// As a client asks, of the Afterword that runs.
const Question versions{.target = "/_matrix/client/versions", .to = Question::To::afterword};

std::vector<Question> questions(const Evidence&) { return {capabilities, versions}; }

std::string text_of(Milliseconds duration) {
  using namespace std::chrono;
  if (duration % 1h == 0h) return fmt::format("{}h", duration / 1h);
  if (duration % 1min == 0min) return fmt::format("{}m", duration / 1min);
  if (duration % 1s == 0s) return fmt::format("{}s", duration / 1s);
  return fmt::format("{}ms", duration.count());
}

// Out of an answer of capabilities with ours in it.
std::string limits_in(const json::object& announced) {
  const json::object* const all = object_member(announced, "capabilities");
  const json::object* const ours = all != nullptr ? object_member(*all, "m.delayed_events") : nullptr;
  if (ours == nullptr) return "none";
  const auto number = [ours](std::string_view key) -> std::optional<std::int64_t> {
    const json::value* const value = ours->if_contains(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_uint64()) return static_cast<std::int64_t>(value->get_uint64());
    return value->is_int64() ? std::optional(value->get_int64()) : std::nullopt;
  };
  const auto delay = number("max_delay_ms");
  const auto count = number("max_scheduled");
  return fmt::format("{}, {}", delay ? "up to " + text_of(Milliseconds(*delay)) : "of any delay",
                     count ? fmt::format("{} at once for each user", *count) : "as many as they like");
}

Findings judge(const Evidence& evidence) {
  const Answer& seen = evidence.answer(versions);
  if (afterword_runs(evidence) && !has_delayed_events(seen.body)) {
    return {{name, Verdict::failed,
             fmt::format("do not see delayed events: GET /_matrix/client/versions at {} was {}",
                         first_address(evidence.configuration),
                         seen.status == 0 ? "not answered: " + seen.reason : fmt::format("answered {}", seen.status)),
             "look into Afterword's log, and restart it if it has another configuration than this one"}};
  }
  const Answer& answer = evidence.answer(capabilities);
  const auto announced = api::announce_in_capabilities(answer.text, evidence.configuration.limits);
  const auto body = announced && answer.status == 200 ? parse_json_object(*announced) : std::nullopt;
  if (!body) {
    return {{name, Verdict::warning,
             fmt::format("do not learn the limits: the homeserver answers GET /_matrix/client/v3/capabilities with {} "
                         "({})",
                         answer.status, answer.status == 0 ? answer.reason : answer.errcode()),
             "mend what is said of the registration, or look into the homeserver's log"}};
  }
  return {{name, Verdict::ok, "see delayed events: " + limits_in(*body)}};
}

}  // namespace

const Check clients_check{name, true, questions, judge};

}  // namespace afterword::doctor
