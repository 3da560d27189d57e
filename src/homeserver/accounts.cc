#include "homeserver/accounts.h"

#include "base/encoding.h"
#include "base/json.h"
#include "base/log.h"
#include "homeserver/answer_limits.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace afterword::homeserver {
namespace {

constexpr std::chrono::milliseconds time_limit{1'000};
// For a burst of one owner's events; a lock is heeded as soon after.
constexpr std::chrono::seconds remembered_for{5};
constexpr std::chrono::seconds pause_after_failure{10};
constexpr std::size_t most_known = 10'000;

bool is_true(const json::object& account, std::string_view name) {
  const json::value* const member = account.if_contains(name);
  return member != nullptr && member->is_bool() && member->get_bool();
}

AccountState state_of(const json::object& account) {
  if (is_true(account, "deactivated")) return AccountState::deactivated;
  if (is_true(account, "locked")) return AccountState::locked;
  if (is_true(account, "shadow_banned")) return AccountState::shadow_banned;
  return AccountState::healthy;
}

// Synapse lets a shadow-banned user join and leave, but not invite.
bool is_shown_in_spite_of_a_ban(const domain::EventToSend& event) {
  if (event.kind != domain::EventKind::state || event.type != "m.room.member") return false;
  const auto content = parse_json_object(event.content);
  return content && string_member(*content, "membership") != "invite";
}

Refused refused(int status, std::string_view errcode, std::string_view error) {
  json::object body{{"errcode", errcode}, {"error", error}};
  if (errcode == "M_USER_LOCKED") body["soft_logout"] = true;
  return {{status, to_text(body)}, std::string(errcode), std::nullopt};
}

// As Synapse makes them up for such users.
domain::EventId made_up_event_id() {
  std::array<std::uint8_t, 32> bytes;
  fill_random(bytes);
  return domain::EventId("$" + to_base64url(bytes));
}

// Nothing: the homeserver is to say it.
std::optional<SendAnswer> answer_in(AccountState state, const domain::EventToSend& event) {
  switch (state) {
    case AccountState::healthy:
      break;
    case AccountState::locked:
      return refused(401, "M_USER_LOCKED", "User account has been locked");
    case AccountState::deactivated:
      return refused(403, "M_USER_DEACTIVATED", "This account has been deactivated");
    case AccountState::shadow_banned:
      if (!is_shown_in_spite_of_a_ban(event)) return Sent{made_up_event_id()};
      break;
  }
  return std::nullopt;
}

}  // namespace

std::string account_target(const domain::UserId& user_id) {
  return "/_synapse/admin/v2/users/" + percent_encode(user_id.value);
}

Accounts::Accounts(http::Client& http, async::Clock& clock, std::optional<std::string> admin_token)
    : http_(http), clock_(clock), admin_token_(std::move(admin_token)) {}

Task<std::optional<SendAnswer>> Accounts::answer_for(const domain::EventToSend& event) {
  std::optional<SendAnswer> answer;
  if (admin_token_) {
    const AccountState state = co_await look_up(event.user_id);
    answer = answer_in(state, event);
  }
  co_return answer;
}

Task<AccountState> Accounts::look_up(domain::UserId user_id) {
  const async::Steady now = clock_.steady_now();
  const auto known = known_.find(user_id);
  if (known != known_.end() && now < known->second.until) co_return known->second.state;
  if (now < ask_again_) co_return AccountState::healthy;

  http::Request request;
  request.method = "GET";
  request.target = account_target(user_id);
  request.headers.add("Authorization", "Bearer " + *admin_token_);
  const auto answer = co_await http_.send(std::move(request), http::SendLimits(time_limit, answer_limits::account));
  if (!answer) {
    note_failure(answer.error().reason);
    co_return AccountState::healthy;
  }
  const auto account = parse_json_object(answer->body);
  // Not every owner has an account there: the application service's own user has none.
  const bool is_unknown = answer->status == 404 && account && string_member(*account, "errcode") == "M_NOT_FOUND";
  if (!is_unknown && (answer->status != 200 || !account)) {
    note_failure(fmt::format("an answer {}", answer->status));
    co_return AccountState::healthy;
  }
  if (std::exchange(failing_, false)) log::info("The homeserver's admin API answers again");
  const AccountState state = is_unknown ? AccountState::healthy : state_of(*account);
  if (known_.size() >= most_known) known_.clear();
  known_.insert_or_assign(std::move(user_id), Known{state, clock_.steady_now() + remembered_for});
  co_return state;
}

void Accounts::note_failure(const std::string& reason) {
  ask_again_ = clock_.steady_now() + pause_after_failure;
  if (std::exchange(failing_, true)) return;
  log::warn("The homeserver's admin API cannot be asked about accounts, and events are sent without: {}", reason);
}

}  // namespace afterword::homeserver
