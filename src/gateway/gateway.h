// The front door: takes every request, finds out what it means and who is asking, and has it answered, by us or by the
// homeserver.
//
// Thread: the server's only one.
#pragma once

#include "api/context.h"
#include "api/manage.h"
#include "async/task.h"
#include "gateway/outcome_question.h"
#include "gateway/pass_through.h"
#include "gateway/rate_limits.h"
#include "gateway/request_figures.h"
#include "gateway/routes.h"
#include "gateway/sidecar.h"
#include "gateway/told_outcomes.h"
#include "gateway/who_is_asking.h"
#include "homeserver/token_cache.h"
#include "http/client.h"
#include "http/client_address.h"
#include "http/message.h"
#include "store/known_senders.h"
#include "store/outcome_watch.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::gateway {

class OutcomeTelling;

struct Options {
  RateLimitOptions rate_limits;
  http::IsTrustedProxy is_trusted_proxy = [](const std::string&) { return false; };
  std::vector<std::string> served_paths{};  // what passes through, as is_served() reads it
  bool has_user_page = false;               // user_page.h
  std::string arrival_key{};                // arrival.h; empty: nobody is told
  Sidecar* sidecar = nullptr;               // null: there is none, and its paths are the homeserver's
  store::OutcomeWatch* outcomes = nullptr;  // null: an outcome wakes nobody who waits for news
};

class Gateway {
 public:
  // What is passed by reference outlives the gateway. Long polls have a client of their own, so that they can be ended
  // before the rest.
  // `context` has these `senders` as its store.
  Gateway(api::Context& context, store::KnownSenders& senders, homeserver::TokenCache& tokens, http::Client& homeserver,
          http::Client& long_polls, Options options);

  async::Task<http::Response> handle(http::Request request);

  const RequestFigures& requests() const { return *requests_; }
  const RateLimits::Hits& rate_limit_hits() const { return rate_limits_.hits(); }
  SidecarFigures sidecar_figures() const { return sidecar_ ? sidecar_->figures() : SidecarFigures(); }
  std::uint64_t answers_looked_into() const { return answers_looked_into_; }

 private:
  // `request`: nobody is asked who it is before this has been called with one that outlives the task, unchanged.
  void tell_of_client(Asking& asking, const http::Request& request) const;
  // The same.
  Asking asking_of(const http::Request& request, const http::Target& target, Purpose purpose) const;
  async::Task<Result<api::Caller, NotIdentified>> caller_of(Asking asking);
  // Who looks up, unless they do it too often.
  async::Task<Result<domain::UserId, http::Response>> reader_of(Asking asking);

  async::Task<http::Response> answer_here(Route route, http::Request request, http::Target target);

  // One for each kind of route. The arguments outlive the task; the request may be moved from.
  async::Task<http::Response> answer(const ScheduleRoute& route, http::Request& request, const http::Target& target);
  // Fills in the action where it stands in the body.
  async::Task<http::Response> answer(ManageRoute& route, http::Request& request, const http::Target& target);
  async::Task<http::Response> answer(const RetryRoute& route, http::Request& request, const http::Target& target);
  async::Task<http::Response> answer(const LookUpRoute& route, http::Request& request, const http::Target& target);
  async::Task<http::Response> answer(const ListScheduledRoute& route, http::Request& request,
                                     const http::Target& target);
  async::Task<http::Response> answer(const ListRoute& route, http::Request& request, const http::Target& target);
  async::Task<http::Response> answer(const VersionsRoute& route, http::Request& request, const http::Target& target);
  async::Task<http::Response> answer(const CapabilitiesRoute& route, http::Request& request,
                                     const http::Target& target);
  async::Task<http::Response> answer(const UserPageRoute& route, http::Request& request, const http::Target& target);
  async::Task<http::Response> answer(const PreflightRoute& route, http::Request& request, const http::Target& target);
  async::Task<http::Response> answer(const UnrecognizedRoute& route, http::Request& request,
                                     const http::Target& target);
  async::Task<http::Response> answer(const MethodNotAllowedRoute& route, http::Request& request,
                                     const http::Target& target);
  async::Task<http::Response> answer(const PassThroughRoute& route, http::Request& request, const http::Target& target);

  // What is the sidecar's, if there is one.
  bool is_for_sidecar_of_ours(std::string_view method, const http::Target& target) const;
  async::Task<http::Response> answer_with_sidecar(http::Request request, http::Target target);
  async::Task<http::Response> ask_sidecar(http::Request request, const http::Target& target);
  async::Task<http::Response> tell_who_is_joined(IsJoinedRoute route, http::Request request,
                                                 const http::Target& target);

  // What passes through. Many of these requests wait for minutes, so that each has little in its frames meanwhile
  // (CONTRIBUTING.md, on coroutines): a task is named before it is awaited.
  async::Task<http::Response> pass(PassThroughRoute route, http::Request request, const http::Target& target);
  async::Task<http::Response> pass_form(PassThroughRoute route, http::Request request, http::Target target);
  async::Task<http::Response> pass_and_hear(RouteName name, std::optional<homeserver::AccessToken> access_token,
                                            async::Task<http::Response> passing);
  struct ToShow;
  async::Task<http::Response> pass_through_and_show(http::Client& client, std::unique_ptr<http::Request> request,
                                                    std::unique_ptr<ToShow> to_show);
  async::Task<http::Response> pass_through_and_tell(http::Client& client, std::unique_ptr<http::Request> request,
                                                    std::unique_ptr<ToShow> to_show, OutcomeQuestion question);
  async::Task<http::Response> wait_for_news(std::unique_ptr<http::Request> request,
                                            std::shared_ptr<OutcomeTelling> telling, domain::UserId user_id);
  async::Task<void> recognize(ToShow& to_show);
  async::Task<http::Response> show(std::unique_ptr<ToShow> to_show, http::Response response);
  async::Task<http::Response> pass_through_and_forget(PassThroughRoute route, http::Request request, Asking asking);
  void hear_of_refusal(const homeserver::AccessToken& access_token, const http::Response& response);
  async::Task<http::Response> manage_without_token(api::ManageRequest manage, std::string delay_id,
                                                   std::string address);

  api::Context& context_;
  store::KnownSenders& senders_;
  homeserver::TokenCache& tokens_;
  http::Client& homeserver_;
  http::Client& long_polls_;
  RateLimits rate_limits_;
  std::vector<std::string> served_paths_;
  bool has_user_page_;
  std::string arrival_key_;
  Sidecar* const sidecar_;
  store::OutcomeWatch* const outcomes_;
  Passing passing_;
  ToldOutcomes told_outcomes_;
  std::uint64_t answers_looked_into_ = 0;
  const std::shared_ptr<RequestFigures> requests_ = std::make_shared<RequestFigures>();
};

}  // namespace afterword::gateway
