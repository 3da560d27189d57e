// What the homeserver would answer an owner, where it does not ask an application service: that the account is locked
// or was deactivated; and a shadow-banned owner is told that all went well, and nothing is shown to anybody.
//
// Synapse's admin API knows, and is asked with the token of an administrator, if the operator gives one. Whatever keeps
// it from answering within a second is no reason to hold an event back: it is sent, and for some seconds the API is not
// asked again. A suspended owner needs no question, for Synapse refuses its events itself. Whether the owner has given
// consent, or the account has expired, Synapse's admin API does not say. Thread: the server's only one. The references
// must outlive it.
#pragma once

#include "async/clock.h"
#include "homeserver/homeserver.h"
#include "http/client.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace afterword::homeserver {

enum class AccountState : std::uint8_t { healthy, locked, deactivated, shadow_banned };

class Accounts {
 public:
  // Without a token nobody is asked, and every account is healthy.
  Accounts(http::Client& http, async::Clock& clock, std::optional<std::string> admin_token);

  // In place of the homeserver's answer to the event; nothing if it is to be sent. `event` must outlive the task.
  Task<std::optional<SendAnswer>> answer_for(const domain::EventToSend& event);

 private:
  Task<AccountState> look_up(domain::UserId user_id);
  void note_failure(const std::string& reason);

  struct Known {
    AccountState state;
    async::Steady until;
  };

  http::Client& http_;
  async::Clock& clock_;
  const std::optional<std::string> admin_token_;
  std::unordered_map<domain::UserId, Known> known_;
  async::Steady ask_again_{};  // not before, for it could not answer
  bool failing_ = false;
};

// Where the admin API tells about an account.
std::string account_target(const domain::UserId& user_id);

}  // namespace afterword::homeserver
