// Whether the homeserver has loaded the registration, with the token that Afterword uses, and as which server.
#include "doctor/checks.h"

#include <fmt/format.h>

namespace afterword::doctor {
namespace {

constexpr const char* name = "registration";

const Question whoami{.target = "/_matrix/client/v3/account/whoami", .token = Question::Token::as_token};

std::vector<Question> questions(const Evidence&) { return {whoami}; }

// Homeservers answer alike whether they have no registration of ours or one with another token.
Finding unknown_token(const Evidence& evidence) {
  return {name, Verdict::failed, "the homeserver does not know the as_token",
          fmt::format("list {} in the homeserver's configuration (Synapse: app_service_config_files, Dendrite: "
                      "app_service_api.config_files), and restart the homeserver; if it is listed, and not a copy, the "
                      "homeserver started before the file was made or changed: restart it",
                      registration_path(evidence.configuration))};
}

Findings judge(const Evidence& evidence) {
  const ops::Configuration& configuration = evidence.configuration;
  const Answer& answer = evidence.answer(whoami);
  if (answer.status == 0) {
    return {{name, Verdict::failed, "no answer: " + answer.reason, "look into the homeserver's log, then check again"}};
  }
  if (answer.status == 401 && answer.errcode() == "M_UNKNOWN_TOKEN") return {unknown_token(evidence)};
  const std::string user_id = answer.string("user_id");
  const std::size_t colon = user_id.find(':');
  if (answer.status != 200 || colon == std::string::npos) {
    return {{name, Verdict::failed,
             fmt::format("asked whose token it is, the homeserver answers {} ({})", answer.status, answer.errcode()),
             "look into the homeserver's log, then check again"}};
  }
  const std::string server_name = user_id.substr(colon + 1);
  if (server_name != configuration.server_name) {
    return {{name, Verdict::failed, fmt::format("the homeserver is {}, not {}", server_name, configuration.server_name),
             "correct homeserver.server_name, and the regex in the registration, or homeserver.url"}};
  }
  return {{name, Verdict::ok, "known to the homeserver, as " + user_id}};
}

}  // namespace

const Check registration_check{name, true, questions, judge};

}  // namespace afterword::doctor
