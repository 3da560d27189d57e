#include "gateway/who_is_asking.h"

#include "api/matrix_error.h"
#include "http/message.h"

#include <string_view>
#include <utility>

namespace afterword::gateway {
namespace {

using homeserver::Credentials;
using homeserver::Identity;

// Dendrite gives every application service a device of this name, which users may give to one of theirs as well.
constexpr std::string_view dendrite_service_device = "AS_Device";

std::optional<std::string> bearer_token(const http::Request& request) {
  const auto header = request.headers.find("Authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (!header || header->size() <= scheme.size()) return std::nullopt;
  if (!http::equal_ignoring_case(header->substr(0, scheme.size()), scheme)) return std::nullopt;
  return std::string(header->substr(scheme.size()));
}

// Whoever the homeserver says it is, or the answer to give instead.
async::Task<Result<Identity, http::Response>> ask(homeserver::TokenCache& tokens, Credentials credentials,
                                                  WhileAway while_away) {
  homeserver::TokenAnswer answer = co_await tokens.identify(std::move(credentials));
  if (auto* identity = std::get_if<Identity>(&answer)) co_return std::move(*identity);
  if (const auto* refused = std::get_if<domain::HomeserverError>(&answer)) co_return api::homeserver_refusal(*refused);
  if (auto* stale = std::get_if<homeserver::Stale>(&answer); stale && while_away == WhileAway::trust_recent) {
    co_return std::move(stale->identity);
  }
  co_return api::to_response(api::homeserver_unreachable());
}

// Whether the user_id makes a difference to whose the token is. A user's own token does not heed it.
async::Task<bool> speaks_for_others(homeserver::TokenCache& tokens, Credentials credentials, WhileAway while_away) {
  const std::string named = *std::exchange(credentials.user_id, std::nullopt);
  const auto unnamed = co_await ask(tokens, std::move(credentials), while_away);
  if (unnamed) co_return unnamed->user_id.value != named;
  co_return unnamed.error().status == 401;
}

}  // namespace

std::optional<Credentials> credentials_of(const http::Request& request, const http::Target& target) {
  std::optional<std::string> token = bearer_token(request);
  if (!token) token = target.parameter("access_token");
  if (!token || token->empty()) return std::nullopt;
  Credentials credentials{std::move(*token), target.parameter("user_id"), target.parameter("device_id")};
  if (!credentials.device_id) credentials.device_id = target.parameter("org.matrix.msc3202.device_id");
  return credentials;
}

async::Task<Result<api::Caller, http::Response>> identify(homeserver::TokenCache& tokens, Credentials credentials,
                                                          WhileAway while_away) {
  // Without a device_id of its own, only an application service's token has none.
  Credentials without_device = credentials;
  without_device.device_id.reset();
  auto identity = co_await ask(tokens, without_device, while_away);
  if (!identity) co_return std::move(identity.error());
  if (identity->device_id && identity->device_id->value == dendrite_service_device && credentials.user_id) {
    if (co_await speaks_for_others(tokens, without_device, while_away)) identity->device_id.reset();
  }

  api::Caller caller;
  caller.is_application_service = !identity->device_id;
  caller.device_id = std::move(identity->device_id);
  caller.user_id = std::move(identity->user_id);
  if (caller.is_application_service && credentials.device_id) {
    identity = co_await ask(tokens, std::move(credentials), while_away);
    if (!identity) co_return std::move(identity.error());
    if (identity->device_id && identity->device_id->value != dendrite_service_device) {
      caller.device_id = std::move(identity->device_id);
    }
  }
  co_return caller;
}

}  // namespace afterword::gateway
