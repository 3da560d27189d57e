// Whether the token service for calls is there, and takes nobody at his word.
#include "doctor/checks.h"

#include <fmt/format.h>

namespace afterword::doctor {
namespace {

constexpr const char* name = "token_service";

// Without a token, and so in nobody's name.
const Question question{.target = "/_matrix/client/v1/rtc/livekit/get_token", .to = Question::To::token_service};

std::vector<Question> questions(const Evidence& evidence) {
  if (!evidence.configuration.sidecar) return {};
  return {question};
}

Findings judge(const Evidence& evidence) {
  if (!evidence.has(question)) return {};
  const Answer& answer = evidence.answer(question);
  const std::string url = evidence.configuration.sidecar->url.url();
  if (answer.status == 0) {
    return {{name, Verdict::failed, fmt::format("no answer from {}: {}", url, answer.reason),
             "start the service, or correct the proxy_url in the file of rtc.registration"}};
  }
  if (answer.status >= 500) {
    return {{name, Verdict::warning, fmt::format("{} answers {}", url, answer.status), "look into the service's log"}};
  }
  if (answer.status < 300) {
    return {{name, Verdict::warning,
             fmt::format("{} answers {} to a request without a token: whoever reaches it may ask it in anybody's name",
                         url, answer.status),
             "have the service check the hs_token of its registration, or let nobody but Afterword reach it"}};
  }
  return {{name, Verdict::ok, fmt::format("answers at {}, and refuses who has no token ({})", url, answer.status)}};
}

}  // namespace

const Check token_service_check{name, false, questions, judge};

}  // namespace afterword::doctor
