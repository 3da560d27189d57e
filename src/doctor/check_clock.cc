// How far the homeserver's clock is from this machine's: delayed events bear the time of Afterword's.
#include "doctor/checks.h"
#include "doctor/product.h"
#include "http/date.h"

#include <fmt/format.h>

#include <chrono>

namespace afterword::doctor {
namespace {

constexpr const char* name = "clock";

constexpr std::chrono::seconds tolerated{5};

std::vector<Question> questions(const Evidence&) { return {product_questions::versions}; }

Findings judge(const Evidence& evidence) {
  const Answer& versions = evidence.answer(product_questions::versions);
  const auto date = http::parse_date(versions.headers.find("Date").value_or(""));
  if (!date) return {{name, Verdict::ok, "not compared: the homeserver tells no time"}};

  // It tells whole seconds, some time while the question was under way.
  constexpr Milliseconds middle_of_a_second{500};
  const Milliseconds slack = (versions.answered - versions.asked) / 2;
  const Milliseconds ahead = *date + middle_of_a_second - (versions.asked + slack);
  if (std::chrono::abs(ahead) <= tolerated + slack) {
    return {{name, Verdict::ok, fmt::format("the homeserver's, within {} s", tolerated.count())}};
  }
  const auto seconds = std::chrono::round<std::chrono::seconds>(std::chrono::abs(ahead));
  return {{name, Verdict::warning,
           fmt::format("the homeserver's is {} s {} this machine's, whose time delayed events are sent with",
                       seconds.count(), ahead.count() > 0 ? "ahead of" : "behind"),
           "let both machines keep time (timedatectl set-ntp true)"}};
}

}  // namespace

const Check clock_check{name, true, questions, judge};

}  // namespace afterword::doctor
