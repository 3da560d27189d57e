// What homeserver.admin_token is for, if there is one, and what it means if there is none.
#include "doctor/checks.h"
#include "homeserver/accounts.h"

#include <fmt/format.h>

namespace afterword::doctor {
namespace {

constexpr const char* name = "accounts";

// Of Afterword's own user, who need not have an account.
Question own_account(const Evidence& evidence) {
  const domain::UserId user_id("@_afterword:" + evidence.configuration.server_name);
  return {.target = homeserver::account_target(user_id), .token = Question::Token::admin_token};
}

std::vector<Question> questions(const Evidence& evidence) {
  if (!evidence.configuration.admin_token) return {};
  return {own_account(evidence)};
}

Findings judge(const Evidence& evidence) {
  if (!evidence.configuration.admin_token) {
    return {{name, Verdict::ok,
             "not looked up, without homeserver.admin_token: what an account has scheduled is sent although it was "
             "locked, deactivated or shadow-banned since"}};
  }
  const std::string fix =
      "take the token of an administrator's session, and let homeserver.url lead to /_synapse/admin too";
  const Answer& answer = evidence.answer(own_account(evidence));
  if (answer.status == 0) return {{name, Verdict::warning, "no answer: " + answer.reason, fix}};
  const std::string errcode = answer.errcode();
  if (answer.status == 200 || (answer.status == 404 && errcode == "M_NOT_FOUND")) {
    return {{name, Verdict::ok, "looked up before a delivery"}};
  }
  return {{name, Verdict::warning,
           fmt::format("the homeserver's admin API answers {} ({}), so they are not looked up", answer.status, errcode),
           fix}};
}

}  // namespace

const Check accounts_check{name, true, questions, judge};

}  // namespace afterword::doctor
