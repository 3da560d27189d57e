#include "gateway/gateway.h"

#include "api/announce.h"
#include "api/list.h"
#include "api/look_up.h"
#include "api/manage.h"
#include "api/matrix_error.h"
#include "api/retry.h"
#include "api/schedule.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/arrival.h"
#include "gateway/deactivation.h"
#include "gateway/delay_ids_of_sender.h"
#include "gateway/event_answers.h"
#include "gateway/forwarded.h"
#include "gateway/outcomes_of_owner.h"
#include "gateway/pass_through.h"
#include "gateway/request_id.h"
#include "gateway/user_page.h"
#include "gateway/who_is_asking.h"
#include "homeserver/answer_limits.h"
#include "http/gzip.h"
#include "http/matrix_answer.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include <utility>

namespace afterword::gateway {
namespace {

using api::to_response;
using api::WireForm;

constexpr int unauthorized = 401;
constexpr std::string_view ts_parameter = "ts";

// Of what a homeserver says that it can do, to which we add what we can.
const http::SendLimits announcement_limits{max_passing_time, homeserver::answer_limits::versions};
const http::SendLimits account_limits{max_passing_time, homeserver::answer_limits::account};

// Clients give a restart two seconds.
constexpr std::chrono::milliseconds restart_limit{1'700};

Purpose purpose_of(domain::Action action) {
  switch (action) {
    case domain::Action::restart:
      return Purpose::restart;
    case domain::Action::cancel:
      return Purpose::cancel;
    case domain::Action::send:
      break;
  }
  return Purpose::send;
}

// The endpoint of a scheduling request, without its txn_id.
std::string transaction_path(const http::Target& target) {
  std::string path;
  path.reserve(target.path.size() + 16);
  for (std::size_t i = 0; i + 1 < target.segments.size(); ++i) {
    path += '/';
    append_percent_encoded(path, target.segments[i]);
  }
  return path;
}

// Both outlive the task.
async::Task<void> wait_for_outcome(store::OutcomeWatch::Waiter& waiter, OutcomeTelling& telling) {
  const auto cancellation = co_await async::asio::this_coro::cancellation_state;
  for (bool has_news = false; !has_news;) {
    auto waiting = waiter.wait();
    co_await std::move(waiting);
    if (cancellation.cancelled() != async::asio::cancellation_type::none) co_return;
    auto looking = telling.has_news(true);
    has_news = co_await std::move(looking);
  }
}

}  // namespace

Gateway::Gateway(api::Context& context, store::KnownSenders& senders, homeserver::TokenCache& tokens,
                 http::Client& homeserver, http::Client& long_polls, Options options)
    : context_(context),
      senders_(senders),
      tokens_(tokens),
      homeserver_(homeserver),
      long_polls_(long_polls),
      rate_limits_(options.rate_limits),
      served_paths_(std::move(options.served_paths)),
      has_user_page_(options.has_user_page),
      arrival_key_(std::move(options.arrival_key)),
      sidecar_(options.sidecar),
      outcomes_(options.outcomes),
      passing_{context.clock, std::move(options.is_trusted_proxy)} {
  if (!outcomes_) return;
  auto forget = [this](const domain::UserId& user_id) { told_outcomes_.forget(user_id); };
  outcomes_->tell_late(context.clock, SomeOutcomes::slack / 2, std::move(forget));
}

async::Task<http::Response> Gateway::handle(http::Request request) {
  if (const auto proof = request.headers.find(arrival_header)) {
    auto question = read_arrival_proof(arrival_key_, *proof, context_.clock.wall_now());
    if (question) {
      return tell_arrival(context_.clock, std::move(request), *std::move(question), passing_.is_trusted_proxy);
    }
  }
  std::optional<http::Target> target = http::Target::parse(request.target);
  // The answer to a HEAD is the head of that to a GET; the server leaves the body out. Whatever goes into the body must
  // be known for it.
  const bool is_head = request.method == "HEAD";
  Route route = UnrecognizedRoute{};
  if (target) route = find_route(is_head ? "GET" : request.method, *target);
  if (request.target == "*") route = PreflightRoute{};  // of OPTIONS alone
  if (std::holds_alternative<UserPageRoute>(route) && !has_user_page_) route = PassThroughRoute{};

  if (std::holds_alternative<PassThroughRoute>(route) && is_for_sidecar_of_ours(request.method, *target)) {
    return answer_with_sidecar(std::move(request), *std::move(target));
  }
  if (auto* passing = std::get_if<PassThroughRoute>(&route); passing && is_served(served_paths_, *target)) {
    if (request.rest && is_form(request)) {
      return pass_form(std::move(*passing), std::move(request), *std::move(target));
    }
    if (!may_name_delay_in_form(request, *target)) return pass(std::move(*passing), std::move(request), *target);
    route = UnrecognizedRoute{};
  } else if (!passing && is_head) {
    request.method = "GET";
  }
  return answer_here(std::move(route), std::move(request), std::move(target).value_or(http::Target()));
}

async::Task<http::Response> Gateway::answer_here(Route route, http::Request request, http::Target target) {
  RequestMeter meter(requests_, context_.clock, name_of(route));
  const bool is_readable = std::holds_alternative<PassThroughRoute>(route) || target.is_text();
  if (!is_readable) co_return meter.answered(to_response(api::not_text()));
  const auto answer_route = [&](auto& found) { return answer(found, request, target); };
  http::Response response = co_await std::visit(answer_route, route);
  meter.rename(name_of(route));
  co_return meter.answered(std::move(response));
}

Asking Gateway::asking_of(const http::Request& request, const http::Target& target, Purpose purpose) const {
  Asking asking;
  auto credentials = credentials_of(request, target);
  if (credentials) {
    asking.credentials = std::move(*credentials);
  } else {
    asking.fault = credentials.error();
  }
  asking.purpose = purpose;
  asking.address = request.client;
  tell_of_client(asking, request);
  asking.must_know_application_service = purpose == Purpose::send && target.parameter(ts_parameter);
  return asking;
}

void Gateway::tell_of_client(Asking& asking, const http::Request& request) const {
  asking.about_client = [this, &request] { return about_client(request, passing_.is_trusted_proxy); };
}

async::Task<Result<api::Caller, NotIdentified>> Gateway::caller_of(Asking asking) {
  return identify(tokens_, context_.clock, std::move(asking));
}

async::Task<Result<domain::UserId, http::Response>> Gateway::reader_of(Asking asking) {
  auto caller = co_await caller_of(std::move(asking));
  if (!caller) co_return std::move(caller.error().answer);
  if (const auto wait = rate_limits_.look_up(caller->user_id, context_.clock.steady_now())) {
    co_return to_response(api::rate_limited(*wait));
  }
  co_return std::move(caller->user_id);
}

async::Task<http::Response> Gateway::answer(const ScheduleRoute& route, http::Request& request,
                                            const http::Target& target) {
  auto caller = co_await caller_of(asking_of(request, target, Purpose::send));
  if (!caller) co_return std::move(caller.error().answer);
  if (const auto wait = rate_limits_.schedule(caller->user_id, context_.clock.steady_now())) {
    co_return to_response(api::rate_limited(*wait));
  }

  api::ScheduleRequest schedule;
  schedule.form = route.form;
  schedule.kind = route.kind;
  schedule.room_id = domain::RoomId(std::string(route.room_id));
  schedule.type = route.type;
  schedule.state_key = route.state_key;
  schedule.redacts = domain::EventId(std::string(route.redacts));
  if (route.txn_id) {
    schedule.transaction =
        domain::TransactionKey::of(caller->user_id, caller->device_id, transaction_path(target), *route.txn_id);
  }
  schedule.caller = std::move(*caller);
  schedule.delay = target.parameter(delay_parameter);
  schedule.sticky_duration_ms = target.parameter("org.matrix.msc4354.sticky_duration_ms");
  schedule.ts = target.parameter(ts_parameter);
  schedule.body = std::move(request.body);
  co_return co_await api::schedule(context_, std::move(schedule));
}

// Token and rate limits come before the body is read. Where the action stands in the body, it is taken for a restart
// until then, because that is the one that must be answered in time.
async::Task<http::Response> Gateway::answer(ManageRoute& route, http::Request& request, const http::Target& target) {
  api::ManageRequest manage;
  manage.form = route.form;
  manage.delay_id = domain::DelayId::parse(route.delay_id);
  const async::Steady answer_by = context_.clock.steady_now() + restart_limit;
  const bool delay_id_is_enough = route.form == WireForm::unstable;
  Asking asking = asking_of(request, target, route.action ? purpose_of(*route.action) : Purpose::restart);
  const bool needs_caller = asking.credentials || asking.fault || !delay_id_is_enough;
  if (!needs_caller) {
    const auto wait = rate_limits_.manage_without_token(std::string(route.delay_id), context_.clock.steady_now());
    if (wait) co_return to_response(api::rate_limited(*wait));
  }

  std::optional<NotIdentified> not_identified;
  std::optional<Asking> asking_again;  // once the body has said what for
  if (needs_caller) {
    if (!route.action) asking_again = asking;
    auto caller = co_await caller_of(std::move(asking));
    if (caller) {
      const auto wait = rate_limits_.manage(caller->user_id, context_.clock.steady_now());
      if (wait) co_return to_response(api::rate_limited(*wait));
      manage.caller = std::move(caller->user_id);
    } else {
      if (caller.error().is_refused) co_return std::move(caller.error().answer);
      not_identified = std::move(caller.error());
    }
  }
  if (route.action) {
    manage.action = *route.action;
  } else {
    const auto action = api::read_action_body(request.body);
    if (!action) co_return to_response(action.error());
    manage.action = *action;
    route.action = *action;
    if (asking_again && *action != domain::Action::restart) {
      asking_again->purpose = purpose_of(*action);
      auto caller = co_await caller_of(std::move(*asking_again));
      if (!caller) co_return std::move(caller.error().answer);
      not_identified.reset();
      manage.caller = std::move(caller->user_id);
    }
  }
  if (manage.action == domain::Action::restart) manage.answer_by = answer_by;

  // While it cannot be known whose the token is, the delay_id alone is right enough to restart, so that nobody loses a
  // call to a homeserver that is away.
  if (not_identified && (!delay_id_is_enough || manage.action != domain::Action::restart)) {
    co_return std::move(not_identified->answer);
  }
  if (!manage.caller) {
    co_return co_await manage_without_token(std::move(manage), std::string(route.delay_id), request.client);
  }
  co_return (co_await api::manage(context_, std::move(manage))).response;
}

async::Task<http::Response> Gateway::manage_without_token(api::ManageRequest manage, std::string delay_id,
                                                          std::string address) {
  if (const auto wait = rate_limits_.manage_without_token(delay_id, context_.clock.steady_now())) {
    co_return to_response(api::rate_limited(*wait));
  }
  api::Managed managed = co_await api::manage(context_, std::move(manage));
  const auto now = context_.clock.steady_now();
  if (managed.known) {
    rate_limits_.met_known(delay_id, now);
  } else if (const auto wait = rate_limits_.met_unknown(address, now)) {
    co_return to_response(api::rate_limited(*wait));
  }
  co_return std::move(managed.response);
}

async::Task<http::Response> Gateway::answer(const RetryRoute& route, http::Request& request,
                                            const http::Target& target) {
  auto caller = co_await caller_of(asking_of(request, target, Purpose::send));
  if (!caller) co_return std::move(caller.error().answer);
  const auto wait = rate_limits_.schedule(caller->user_id, context_.clock.steady_now());
  if (wait) co_return to_response(api::rate_limited(*wait));
  auto retrying = api::retry(context_, std::move(caller->user_id), std::string(route.delay_id));
  co_return co_await std::move(retrying);
}

async::Task<http::Response> Gateway::answer(const LookUpRoute& route, http::Request& request,
                                            const http::Target& target) {
  auto caller = co_await reader_of(asking_of(request, target, Purpose::look_up));
  if (!caller) co_return std::move(caller.error());
  api::LookUpRequest look_up{route.form, std::move(*caller), domain::DelayId::parse(route.delay_id)};
  co_return co_await api::look_up(context_, std::move(look_up));
}

async::Task<http::Response> Gateway::answer(const ListScheduledRoute&, http::Request& request,
                                            const http::Target& target) {
  auto caller = co_await reader_of(asking_of(request, target, Purpose::look_up));
  if (!caller) co_return std::move(caller.error());
  co_return co_await api::list_scheduled(context_, std::move(*caller), std::move(request.client));
}

async::Task<http::Response> Gateway::answer(const ListRoute& route, http::Request& request,
                                            const http::Target& target) {
  auto caller = co_await reader_of(asking_of(request, target, Purpose::look_up));
  if (!caller) co_return std::move(caller.error());
  api::ListRequest list;
  list.form = route.form;
  list.caller = std::move(*caller);
  list.client = std::move(request.client);
  list.from_ts = list_parameter(target, "from_ts");
  list.to_ts = list_parameter(target, "to_ts");
  list.dir = list_parameter(target, "dir");
  list.from = list_parameter(target, "from");
  list.room_id = list_parameter(target, "room_id");
  list.type = list_parameter(target, "type");
  list.status = list_parameter(target, "status");
  co_return co_await api::list(context_, std::move(list));
}

async::Task<http::Response> Gateway::answer(const VersionsRoute&, http::Request& request, const http::Target&) {
  http::Response response =
      co_await pass_through_readable(homeserver_, std::move(request), passing_, announcement_limits);
  if (response.status != 200) co_return response;
  const bool tells_who_is_joined = sidecar_ && sidecar_->may_ask_who_is_joined();
  auto merged = api::announce_in_versions(response.body, tells_who_is_joined);
  if (merged) replace_body(response, std::move(*merged));
  co_return response;
}

async::Task<http::Response> Gateway::answer(const CapabilitiesRoute&, http::Request& request, const http::Target&) {
  http::Response response =
      co_await pass_through_readable(homeserver_, std::move(request), passing_, announcement_limits);
  if (response.status != 200) co_return response;
  auto merged = api::announce_in_capabilities(response.body, context_.limits);
  if (merged) replace_body(response, std::move(*merged));
  co_return response;
}

async::Task<http::Response> Gateway::answer(const UserPageRoute& route, http::Request& request, const http::Target&) {
  if (request.method != "GET") co_return to_response(api::method_not_allowed());
  co_return user_page_file(route.file).value_or(to_response(api::unrecognized()));
}

async::Task<http::Response> Gateway::answer(const PreflightRoute&, http::Request&, const http::Target&) {
  co_return api::ok("{}");
}

async::Task<http::Response> Gateway::answer(const UnrecognizedRoute&, http::Request&, const http::Target&) {
  co_return to_response(api::unrecognized());
}

async::Task<http::Response> Gateway::answer(const MethodNotAllowedRoute&, http::Request&, const http::Target&) {
  co_return to_response(api::method_not_allowed());
}

// One that is not served.
async::Task<http::Response> Gateway::answer(const PassThroughRoute&, http::Request&, const http::Target&) {
  co_return to_response(api::unrecognized());
}

bool Gateway::is_for_sidecar_of_ours(std::string_view method, const http::Target& target) const {
  return sidecar_ && (is_for_sidecar(target) || find_is_joined(method, target));
}

async::Task<http::Response> Gateway::answer_with_sidecar(http::Request request, http::Target target) {
  RequestMeter meter(requests_, context_.clock, RouteName::pass_through);
  if (!target.is_text()) co_return meter.answered(to_response(api::not_text()));
  auto is_joined = find_is_joined(request.method, target);
  auto answering = is_joined ? tell_who_is_joined(*std::move(is_joined), std::move(request), target)
                             : ask_sidecar(std::move(request), target);
  co_return meter.answered(co_await std::move(answering));
}

// `target` outlives the task, here and below. Whose the token is must have been heard as recently as for what sends:
// the sidecar believes it.
async::Task<http::Response> Gateway::ask_sidecar(http::Request request, const http::Target& target) {
  if (request.method == "OPTIONS") co_return api::ok("{}");  // of a browser, which has no token for that
  auto caller = co_await caller_of(asking_of(request, target, Purpose::send));
  if (!caller) co_return std::move(caller.error().answer);
  if (const auto wait = rate_limits_.look_up(caller->user_id, context_.clock.steady_now())) {
    co_return to_response(api::rate_limited(*wait));
  }
  const bool is_there = co_await http::gather(request, max_sidecar_body_bytes);
  if (!is_there) co_return http::without_answer();
  if (request.rest) co_return http::body_too_large();
  set_request_id(request, passing_.is_trusted_proxy, passing_.request_ids);
  co_return co_await sidecar_->ask(std::move(request), std::move(caller->user_id));
}

async::Task<http::Response> Gateway::tell_who_is_joined(IsJoinedRoute route, http::Request request,
                                                        const http::Target& target) {
  const auto credentials = credentials_of(request, target);
  if (!credentials) co_return to_response(credentials.error());
  const auto subject = sidecar_->read_question(route, target, *credentials);
  if (!subject) co_return to_response(subject.error());
  if (!subject->local_user) co_return co_await pass_through(homeserver_, std::move(request), passing_);
  auto telling = gateway::tell_who_is_joined(homeserver_, std::move(route.room_id), *subject->local_user,
                                             (*credentials)->access_token);
  co_return co_await std::move(telling);
}

async::Task<http::Response> Gateway::pass_form(PassThroughRoute route, http::Request request, http::Target target) {
  const bool is_there = co_await http::gather(request, max_form_bytes);
  if (is_there && !may_name_delay_in_form(request, target)) {
    auto passing = pass(std::move(route), std::move(request), target);
    co_return co_await std::move(passing);
  }
  RequestMeter meter(requests_, context_.clock, is_there ? RouteName::unrecognized : name_of(route));
  co_return meter.answered(is_there ? to_response(api::unrecognized()) : http::without_answer());
}

// Whom delay_ids are for.
struct Gateway::ToShow {
  Reader reader;                 // without a name while there is
  std::optional<Asking> asking;  // to find out who it is
  std::optional<domain::DeviceId> device_id;
};

// No coroutine, for none of this is needed any more once the homeserver has been asked.
async::Task<http::Response> Gateway::pass(PassThroughRoute route, http::Request request, const http::Target& target) {
  const RouteName name = name_of(route);
  http::Client& client = route.is_long_poll ? long_polls_ : homeserver_;
  Asking asking = asking_of(request, target, Purpose::read);
  std::optional<homeserver::AccessToken> access_token;
  if (asking.credentials) access_token = asking.credentials->access_token;
  if (route.revokes != Revokes::nothing) {
    asking.purpose = Purpose::look_up;
    auto passing = pass_through_and_forget(std::move(route), std::move(request), std::move(asking));
    return pass_and_hear(name, std::move(access_token), std::move(passing));
  }
  if (access_token && may_show_events(request.method, target)) {
    auto to_show = std::make_unique<ToShow>();
    to_show->reader = {domain::UserId(), http::accepts_gzip(request.headers), request.client};
    to_show->asking = std::move(asking);
    to_show->asking->credentials->device_id.reset();  // whose events they are does not depend on it
    auto moved = std::make_unique<http::Request>(std::move(request));
    auto question = find_outcome_question(moved->method, target);
    const bool is_body_there = question && question->form == SyncForm::sliding_sync && !moved->rest;
    const bool is_wanted_by_others = question && moved->rest && moved->headers.find("Expect");
    if (is_wanted_by_others || (is_body_there && !asks_for_outcomes(moved->body))) question.reset();
    auto passing = question ? pass_through_and_tell(client, std::move(moved), std::move(to_show), *std::move(question))
                            : pass_through_and_show(client, std::move(moved), std::move(to_show));
    return pass_and_hear(name, std::move(access_token), std::move(passing));
  }
  return pass_and_hear(name, std::move(access_token), pass_through(client, std::move(request), passing_));
}

async::Task<http::Response> Gateway::pass_and_hear(RouteName name, std::optional<homeserver::AccessToken> access_token,
                                                   async::Task<http::Response> passing) {
  RequestMeter meter(requests_, context_.clock, name);
  http::Response response = co_await std::move(passing);
  if (access_token && response.status == unauthorized) {
    const bool is_there = co_await http::gather(response, homeserver::answer_limits::whoami);
    if (!is_there) co_return http::without_answer();
    hear_of_refusal(*access_token, response);
  }
  co_return meter.answered(std::move(response));
}

// The homeserver does not take the token any more, and so it is good for nothing here from now on. A 401 may also ask
// for a password, which says nothing about the token. One that cannot be read is compressed and may say anything, or
// is not the homeserver's; then the homeserver is asked.
void Gateway::hear_of_refusal(const homeserver::AccessToken& access_token, const http::Response& response) {
  const bool is_small = response.body.size() <= homeserver::answer_limits::whoami;
  const std::optional<json::object> body = is_small ? parse_json_object(response.body) : std::nullopt;
  if (body && body->contains("flows")) return;
  const std::optional<std::string> errcode = body ? string_member(*body, "errcode") : std::nullopt;
  if (!errcode) {
    tokens_.doubt_user_of(access_token);
    return;
  }
  if (errcode == "M_USER_LOCKED") tokens_.forget_user_of(access_token);
  tokens_.forget_token(access_token);
}

// Of somebody who has sent nothing the answer passes as it is, compressed as the homeserver sends it. Whose token it is
// may turn out, and somebody may send the first event, while the homeserver takes its time to answer; so that is asked
// again then.
async::Task<http::Response> Gateway::pass_through_and_show(http::Client& client, std::unique_ptr<http::Request> request,
                                                           std::unique_ptr<ToShow> to_show) {
  if (to_show->asking) {
    Asking& asking = *to_show->asking;
    asking.only_if_remembered = true;
    tell_of_client(asking, *request);
    co_await recognize(*to_show);
  }
  if (to_show->asking) {
    Asking& asking = *to_show->asking;
    asking.about_client = [told = asking.about_client()] { return told; };  // for the request goes now
    asking.only_if_remembered = false;
  } else if (senders_.is_known_to_have_sent(to_show->reader.user_id)) {
    ask_for_all_of_it(*request);
  }
  auto passing = pass_through(client, std::move(*request), passing_);
  request.reset();
  http::Response response = co_await std::move(passing);
  if (!can_be_looked_into(response)) co_return response;
  auto showing = show(std::move(to_show), std::move(response));
  co_return co_await std::move(showing);
}

// Who asks for outcomes has to be known before the answer comes. Of a body that was there pass() has seen it.
async::Task<http::Response> Gateway::pass_through_and_tell(http::Client& client, std::unique_ptr<http::Request> request,
                                                           std::unique_ptr<ToShow> to_show, OutcomeQuestion question) {
  bool is_asked_for = true;
  if (question.form == SyncForm::sliding_sync && request->rest) {
    const bool is_there = co_await http::gather(*request, max_form_bytes);
    if (!is_there) co_return http::without_answer();
    is_asked_for = !request->rest && asks_for_outcomes(request->body);
  }
  if (is_asked_for) {
    tell_of_client(*to_show->asking, *request);
    co_await recognize(*to_show);
  }
  const domain::UserId user_id = to_show->reader.user_id;
  const bool is_known = is_asked_for && !to_show->asking;
  if (is_known && rate_limits_.look_up(user_id, context_.clock.steady_now())) is_asked_for = false;
  if (!is_asked_for || !is_known) {
    auto passing = pass_through_and_show(client, std::move(request), std::move(to_show));
    co_return co_await std::move(passing);
  }

  const OutcomeSources sources{context_.clock, context_.store, told_outcomes_, *context_.bodies};
  const bool has_since = !question.since.empty();
  auto telling = std::make_shared<OutcomeTelling>(sources, TokenHolder{user_id, to_show->device_id},
                                                  to_show->reader.client, std::move(question));
  ask_for_all_of_it(*request);
  const bool may_be_woken = outcomes_ && &client == &long_polls_ && has_since && !request->rest;
  auto passing = may_be_woken ? wait_for_news(std::move(request), telling, user_id)
                              : pass_through(client, std::move(*request), passing_);
  http::Response response = co_await std::move(passing);
  if (!can_be_looked_into(response)) co_return response;
  auto telling_it = tell_outcomes(std::move(telling), std::move(response));
  response = co_await std::move(telling_it);
  if (response.status == http::no_answer) co_return response;
  auto showing = show(std::move(to_show), std::move(response));
  co_return co_await std::move(showing);
}

// An outcome of which the homeserver knows nothing ends the wait for its answer: then it is asked again, and answers at
// once.
async::Task<http::Response> Gateway::wait_for_news(std::unique_ptr<http::Request> request,
                                                   std::shared_ptr<OutcomeTelling> telling, domain::UserId user_id) {
  using namespace async::asio::experimental::awaitable_operators;
  store::OutcomeWatch::Waiter waiter(*outcomes_, std::move(user_id));
  http::Request at_once = *request;
  at_once.target = without_waiting(request->target);
  auto looking = telling->has_news(false);
  const bool is_told_at_once = co_await std::move(looking);
  if (!is_told_at_once) {
    auto passing = pass_through(long_polls_, std::move(*request), passing_);
    auto waiting = wait_for_outcome(waiter, *telling);
    auto first = co_await (std::move(passing) || std::move(waiting));
    if (first.index() == 0) co_return std::get<0>(std::move(first));
  }
  request.reset();
  auto passing = pass_through(homeserver_, std::move(at_once), passing_);
  co_return co_await std::move(passing);
}

async::Task<void> Gateway::recognize(ToShow& to_show) {
  auto identifying = caller_of(*to_show.asking);
  auto caller = co_await std::move(identifying);
  if (!caller) co_return;
  to_show.reader.user_id = std::move(caller->user_id);
  to_show.device_id = std::move(caller->device_id);
  to_show.asking.reset();
}

async::Task<http::Response> Gateway::show(std::unique_ptr<ToShow> to_show, http::Response response) {
  if (to_show->asking) co_await recognize(*to_show);
  if (to_show->asking) co_return response;
  ++answers_looked_into_;
  auto showing = show_delay_ids_of(senders_, *context_.bodies, std::move(to_show->reader), std::move(response));
  co_return co_await std::move(showing);
}

async::Task<http::Response> Gateway::pass_through_and_forget(PassThroughRoute route, http::Request request,
                                                             Asking asking) {
  // Afterwards the token may no longer say whose it was.
  tell_of_client(asking, request);
  std::optional<domain::UserId> user_id;
  std::optional<homeserver::Credentials> ended;
  const bool has_token = asking.credentials.has_value();
  if (!route.administered.empty()) {
    user_id = domain::UserId(route.administered);
  } else {
    ended = asking.credentials;
    if (ended && route.revokes != Revokes::this_token) {
      const auto caller = co_await caller_of(std::move(asking));
      if (caller) user_id = caller->user_id;
    }
  }
  constexpr AskedHost own = AskedHost::the_homeservers;
  auto passing = route.revokes == Revokes::the_account
                     ? pass_through_readable(homeserver_, std::move(request), passing_, account_limits, own)
                     : pass_through(homeserver_, std::move(request), passing_, own);
  http::Response response = co_await std::move(passing);
  if (!has_token || !http::is_success(response.status)) co_return response;

  if (ended) tokens_.forget_token(ended->access_token);
  if (user_id) tokens_.forget_user(*user_id);
  if (user_id && says_deactivated(route, response)) {
    const auto cancelled = co_await context_.store.cancel_all(*user_id, context_.clock.now());
    if (!cancelled) {
      log::error("the delayed events of a deactivated account stay scheduled: {}", cancelled.error().reason);
    }
  }
  co_return response;
}

}  // namespace afterword::gateway
