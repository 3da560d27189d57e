#include "gateway/who_is_asking.h"

#include "api/matrix_error.h"
#include "domain/errcode.h"
#include "http/message.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace afterword::gateway {
namespace {

using homeserver::AccessToken;
using homeserver::Credentials;
using homeserver::Identity;
using homeserver::TokenAnswer;

// Clients give a restart two seconds.
constexpr std::chrono::seconds patience{1};
// What may send must not have been revoked for longer than this.
constexpr std::chrono::seconds recent{30};
// When somebody may ask again whose token cannot be known now.
constexpr std::chrono::seconds retry_time{1};
// Nobody: a homeserver that heeds this name cannot answer as that user.
constexpr std::string_view nobody = "@nobody:invalid";
// What Dendrite calls the device of an application service.
constexpr std::string_view dendrite_service_device = "AS_Device";

using Token = Result<std::optional<AccessToken>, api::MatrixError>;

// Nothing if there is none.
Token to_token(std::string_view text) {
  if (text.empty()) return std::optional<AccessToken>();
  std::optional<AccessToken> token = AccessToken::parse(text);
  if (!token) return api::unknown_token();
  return token;
}

Token bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer ";
  if (!http::equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) {
    return api::unreadable_authorization("The Authorization header does not hold a bearer token");
  }
  return to_token(authorization.substr(scheme.size()));
}

// Whoever says it twice may mean two different things.
Token token_of(const http::Request& request, const http::Target& target) {
  const std::optional<std::string> in_query = target.parameter("access_token");
  std::optional<std::string_view> authorization;
  for (const http::Header& header : request.headers) {
    if (!http::equal_ignoring_case(header.name, "Authorization")) continue;
    if (authorization) return api::unreadable_authorization("There is more than one Authorization header");
    authorization = header.value;
  }
  if (!authorization) return to_token(in_query.value_or(""));
  if (in_query) return api::unreadable_authorization("An access token is in the query and in a header");
  return bearer_token(*authorization);
}

// Asks about one request's credentials, in all the ways that it takes, within one time limit.
class Inquiry {
 public:
  Inquiry(homeserver::TokenCache& tokens, async::Steady now, Asking asking)
      : tokens_(tokens), now_(now), asking_(std::move(asking)) {}

  async::Task<TokenAnswer> ask(Credentials credentials) {
    homeserver::TokenQuestion question{std::move(credentials)};
    question.address = asking_.address;
    question.about_client = asking_.about_client;
    if (asking_.purpose == Purpose::send) question.not_before = now_ - recent;
    question.takes_any_age = asking_.purpose == Purpose::read;
    question.only_if_remembered = asking_.only_if_remembered;
    if (trusts_stale()) question.take_stale = now_ + patience;
    if (asking_.purpose == Purpose::restart) question.give_up = now_ + patience;
    auto identifying = tokens_.identify(std::move(question));
    TokenAnswer answer = co_await std::move(identifying);
    auto* stale = std::get_if<homeserver::Stale>(&answer);
    if (!stale) co_return answer;
    if (trusts_stale()) co_return std::move(stale->identity);
    co_return homeserver::Unreachable{"whose the token is was not heard recently"};
  }

 private:
  bool trusts_stale() const { return asking_.purpose == Purpose::restart || asking_.purpose == Purpose::cancel; }

  homeserver::TokenCache& tokens_;
  const async::Steady now_;
  const Asking asking_;
};

NotIdentified not_identified(const TokenAnswer& answer) {
  if (const auto* refused = std::get_if<domain::HomeserverError>(&answer)) {
    return {api::homeserver_refusal(*refused), true};
  }
  const bool is_busy = std::holds_alternative<homeserver::Busy>(answer);
  return {api::to_response(is_busy ? api::rate_limited(retry_time) : api::token_cannot_be_known(retry_time)), false};
}

bool is_refused_with(const TokenAnswer& answer, int status, std::string_view errcode) {
  const auto* refused = std::get_if<domain::HomeserverError>(&answer);
  return refused && refused->status == status && domain::errcode_of(*refused) == errcode;
}

bool is_answered_as(const TokenAnswer& answer, const std::string& user_id) {
  const auto* identity = std::get_if<Identity>(&answer);
  return identity && identity->user_id.value == user_id;
}

api::Caller caller_of(Identity identity) {
  api::Caller caller;
  caller.user_id = std::move(identity.user_id);
  caller.device_id = std::move(identity.device_id);
  return caller;
}

// Whether the token speaks for others than its owner: it is asked about in the name of nobody.
async::Task<Result<bool, NotIdentified>> speaks_for_others(Inquiry& inquiry, AccessToken access_token) {
  Credentials as_nobody{std::move(access_token), std::string(nobody), std::nullopt};
  const TokenAnswer answer = co_await inquiry.ask(std::move(as_nobody));
  if (const auto* identity = std::get_if<Identity>(&answer)) co_return identity->user_id.value == nobody;
  if (std::holds_alternative<domain::HomeserverError>(answer)) co_return is_refused_with(answer, 403, "M_FORBIDDEN");
  co_return not_identified(answer);
}

}  // namespace

Result<std::optional<Credentials>, api::MatrixError> credentials_of(const http::Request& request,
                                                                    const http::Target& target) {
  Token token = token_of(request, target);
  if (!token) return token.error();
  if (!*token) return std::optional<Credentials>();
  Credentials credentials{std::move(**token), target.parameter("user_id"), target.parameter("device_id")};
  if (!credentials.device_id) credentials.device_id = target.parameter("org.matrix.msc3202.device_id");
  return std::optional(std::move(credentials));
}

async::Task<Result<api::Caller, NotIdentified>> identify(homeserver::TokenCache& tokens, async::Clock& clock,
                                                         Asking asking) {
  if (asking.fault) co_return NotIdentified{api::to_response(*asking.fault), true};
  if (!asking.credentials) co_return NotIdentified{api::to_response(api::missing_token()), true};
  const bool must_know_application_service = asking.must_know_application_service;
  Credentials credentials = std::move(*asking.credentials);
  Inquiry inquiry(tokens, clock.steady_now(), std::move(asking));
  const bool is_asked_again = credentials.user_id || credentials.device_id || must_know_application_service;
  Credentials token_alone{is_asked_again ? credentials.access_token : std::move(credentials.access_token), std::nullopt,
                          std::nullopt};
  TokenAnswer unnamed = co_await inquiry.ask(std::move(token_alone));
  auto* own = std::get_if<Identity>(&unnamed);
  const bool is_refused = std::holds_alternative<domain::HomeserverError>(unnamed);
  if (!own && (!credentials.user_id || (must_know_application_service && !is_refused))) {
    co_return not_identified(unnamed);
  }

  api::Caller caller;
  if (own && (!credentials.user_id || credentials.user_id == own->user_id.value)) {
    caller = caller_of(std::move(*own));
    if (must_know_application_service) {
      const auto others = co_await speaks_for_others(inquiry, credentials.access_token);
      if (!others) co_return others.error();
      caller.is_application_service = *others;
    }
  } else {
    Credentials as_named{credentials.access_token, credentials.user_id, std::nullopt};
    TokenAnswer named = co_await inquiry.ask(std::move(as_named));
    auto* identity = std::get_if<Identity>(&named);
    if (!identity) co_return not_identified(named);
    if (!is_answered_as(named, *credentials.user_id)) {
      if (!own) co_return not_identified(unnamed);
      co_return caller_of(std::move(*own));  // the name is not heeded
    }
    // A Dendrite may not know a service's token without a user_id. No user's token is unknown first and good then.
    const bool has_dendrites_device = identity->device_id && identity->device_id->value == dendrite_service_device;
    const bool is_unknown_unnamed = is_refused_with(unnamed, 401, "M_UNKNOWN_TOKEN");
    caller = caller_of(std::move(*identity));
    caller.is_application_service = own || (is_unknown_unnamed && has_dendrites_device);
    if (caller.is_application_service && has_dendrites_device) caller.device_id.reset();
  }

  if (credentials.device_id && !caller.device_id) {
    TokenAnswer with_device = co_await inquiry.ask(std::move(credentials));
    auto* identity = std::get_if<Identity>(&with_device);
    if (!identity) co_return not_identified(with_device);
    const bool is_caller = identity->user_id == caller.user_id;
    if (is_caller && identity->device_id && identity->device_id->value != dendrite_service_device) {
      caller.device_id = std::move(identity->device_id);
    }
  }
  co_return caller;
}

}  // namespace afterword::gateway
