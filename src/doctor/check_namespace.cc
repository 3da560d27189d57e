// Whether the registration lets Afterword send as every user of the server, keeps nobody out, and is sent nothing.
#include "base/encoding.h"
#include "doctor/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

namespace afterword::doctor {
namespace {

constexpr const char* name = "namespace";

// Nobody's, but as anybody's.
std::string somebody(const Evidence& evidence, std::string_view localpart) {
  return fmt::format("@{}:{}", localpart, evidence.configuration.server_name);
}

Question as_somebody(const Evidence& evidence) {
  return {.target = "/_matrix/client/v3/account/whoami?user_id=" +
                    percent_encode(somebody(evidence, "afterword-check-nobody")),
          .token = Question::Token::as_token};
}

std::vector<Question> questions(const Evidence& evidence) { return {as_somebody(evidence)}; }

// As Synapse and Dendrite look: from the beginning on, and what follows a match does not matter. What is no expression
// here may be one there.
bool covers(const ops::UserNamespace& users, const std::string& user_id) {
  try {
    return std::regex_search(user_id, std::regex(users.regex), std::regex_constants::match_continuous);
  } catch (const std::regex_error&) {
    return true;
  }
}

// An escaped name, as `afterword init` writes it.
std::string regex_of(std::string_view server_name) {
  std::string regex = "@.*:";
  for (const char letter : server_name) {
    if (std::string_view(".[]").find(letter) != std::string_view::npos) regex += '\\';
    regex += letter;
  }
  return regex;
}

std::string fix_of(const Evidence& evidence) {
  return fmt::format("write regex: '{}' in namespaces.users of {}, and restart the homeserver",
                     regex_of(evidence.configuration.server_name), registration_path(evidence.configuration));
}

// What stands in the file, which both read.
Findings judge_file(const Evidence& evidence) {
  Findings findings;
  if (!evidence.registration) return findings;
  const std::vector<ops::UserNamespace>& users = evidence.registration->users;
  for (const char* const localpart : {"alice", "0-9_x.y/z", "_bridge_bob"}) {
    const std::string user_id = somebody(evidence, localpart);
    if (std::ranges::any_of(users, [&](const auto& some) { return covers(some, user_id); })) continue;
    findings.push_back(
        {name, Verdict::failed,
         fmt::format("the registration covers no user like {}, so nothing can be sent as such a one", user_id),
         fix_of(evidence)});
    break;
  }
  if (std::ranges::any_of(users, &ops::UserNamespace::exclusive)) {
    findings.push_back({name, Verdict::failed,
                        "the registration says exclusive: true, so nobody else can make an account in its namespace",
                        fmt::format("write exclusive: false in {}, and restart the homeserver",
                                    registration_path(evidence.configuration))});
  }
  if (evidence.registration->has_url) {
    findings.push_back(
        {name, Verdict::warning,
         "the registration has a url: the homeserver tries to send all that its users see there",
         fmt::format("write url: null in {}, and restart the homeserver", registration_path(evidence.configuration))});
  }
  return findings;
}

// Synapse tells a user outside of the namespace from one that does not exist; others need the file.
bool is_refused(const Answer& answer) {
  return answer.status == 403 && answer.string("error").find("cannot masquerade") != std::string::npos;
}

Findings judge(const Evidence& evidence) {
  Findings findings = judge_file(evidence);
  if (!findings.empty()) return findings;
  if (is_refused(evidence.answer(as_somebody(evidence)))) {
    return {{name, Verdict::failed, "the homeserver does not let Afterword act for its users",
             fmt::format("restart the homeserver: it has another registration than {} is now",
                         registration_path(evidence.configuration))}};
  }
  return {{name, Verdict::ok, "all users of " + evidence.configuration.server_name}};
}

}  // namespace

const Check namespace_check{name, true, questions, judge};

}  // namespace afterword::doctor
