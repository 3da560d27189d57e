#include "homeserver/client.h"

#include "homeserver/answer_limits.h"
#include "homeserver/look_for.h"
#include "homeserver/query.h"
#include "homeserver/read_answer.h"
#include "homeserver/restart_marker.h"
#include "homeserver/send_request.h"

#include <fmt/format.h>

#include <algorithm>

namespace afterword::homeserver {
namespace {

http::Request make_whoami_request(const Credentials& credentials, http::Headers about_client) {
  Query query;
  if (credentials.user_id) query.add("user_id", *credentials.user_id);
  if (credentials.device_id) query.add_device(*credentials.device_id);

  http::Request request;
  request.method = "GET";
  request.target = "/_matrix/client/v3/account/whoami" + query.text();
  request.headers = std::move(about_client);
  request.headers.add("Authorization", credentials.access_token.authorization());
  return request;
}

// homeserver.url or homeserver.server_name is wrong, or an application service names a user that is not its server's.
domain::HomeserverError of_another_server() {
  return {403, R"({"errcode":"M_FORBIDDEN","error":"The user belongs to another server"})"};
}

Refused refuse_address() {
  const char* const body = R"({"errcode":"M_INVALID_PARAM","error":"The event's path would have a segment . or .."})";
  return Refused{domain::HomeserverError{400, body}, "M_INVALID_PARAM", std::nullopt};
}

}  // namespace

HomeserverClient::HomeserverClient(http::Client& http, http::Client& for_clients, async::Clock& clock,
                                   HomeserverClientOptions options)
    : http_(http),
      for_clients_(for_clients),
      clock_(clock),
      options_(std::move(options)),
      way_question_(http, clock, options_.as_token, options_.way_timeout),
      accounts_(http, clock, options_.admin_token),
      kind_(for_clients, clock, options_.kind),
      barrier_(http, clock, {.as_token = options_.as_token}),
      unclear_(clock.steady_now()) {}

Task<std::optional<NotArrived>> HomeserverClient::prepare(domain::DelayId delay_id) {
  if (kind_.may_queue()) co_await kind_.ask();
  if (!kind_.may_queue()) co_return std::nullopt;
  http::Request request = make_mark_request(delay_id, options_.as_token);
  const HttpAnswer answer =
      co_await http_.send(std::move(request), http::SendLimits(options_.mark_timeout, answer_limits::mark));
  if (!answer) co_return NotArrived{answer.error().reason};
  kind_.note(*answer);
  if (!is_left(*answer)) co_return NotArrived{fmt::format("an answer {} to a mark", answer->status)};
  co_return std::nullopt;
}

Task<SendAnswer> HomeserverClient::send(domain::DelayId delay_id, const domain::EventToSend& event,
                                        domain::Attempt attempt, Milliseconds time_limit) {
  if (!can_be_addressed(event)) co_return refuse_address();
  std::optional<SendAnswer> in_place = co_await accounts_.answer_for(event);
  if (in_place) co_return std::move(*in_place);
  http::Request request = make_send_request(delay_id, event, attempt, options_.as_token);
  const async::Steady began = clock_.steady_now();
  const HttpAnswer answer = co_await http_.send(std::move(request), http::SendLimits(time_limit, answer_limits::send));
  SendAnswer read = read_send_answer(answer, clock_.wall_now());
  if (std::holds_alternative<Unclear>(read)) unclear_ = clock_.steady_now();
  if (!answer) {
    auto* unclear = std::get_if<Unclear>(&read);
    if (unclear) unclear->may_be_queued = kind_.may_queue() && clock_.steady_now() - began >= time_limit;
    co_return read;
  }
  auto* refused = std::get_if<Refused>(&read);
  if (!refused) co_return read;
  refused->may_be_stopping = kind_.may_queue() && answer->status != http::too_many_requests;
  if (answer->status == http::too_many_requests) {
    // Whose limit is it? What limits one user's events does not limit the question, and what limits us all does.
    const WayAnswer way = co_await way_question_.ask(event.user_id);
    if (const auto* limited = std::get_if<Limited>(&way)) {
      co_return NotArrived{"we are limited as a whole", limited->wait, refused->error};
    }
    if (std::holds_alternative<Closed>(way)) {
      co_return NotArrived{"we are limited as a whole", refused->retry_after, refused->error};
    }
  }
  co_return read;
}

Task<WayAnswer> HomeserverClient::ask_way(domain::UserId owner) {
  co_return co_await way_question_.ask(std::move(owner));
}

Task<LookAnswer> HomeserverClient::look_for(domain::DelayId delay_id, const domain::EventToSend& event,
                                            domain::Attempt attempt) {
  if (!can_be_addressed(event)) co_return MayNotLook{};
  const LookOptions look{options_.as_token, options_.look_timeout};
  const async::Steady began = clock_.steady_now();
  LookAnswer answer = co_await look_for_attempt(http_, clock_, kind_, look, delay_id, event, attempt);
  const auto* found = std::get_if<Candidates>(&answer);
  const bool is_absent = found != nullptr && found->events.empty() && !found->may_be_queued;
  if (!is_absent || barrier_.was_passed(unclear_, began)) co_return answer;
  // What was asked may lag behind what made it.
  const BarrierResult result = co_await barrier_.pass();
  if (result == BarrierResult::impossible) co_return answer;
  if (result == BarrierResult::late) co_return CannotTell{"the homeserver shows late what it has made"};
  co_return co_await look_for_attempt(http_, clock_, kind_, look, delay_id, event, attempt);
}

// By a redaction of nothing, which Dendrite takes like any event, and shows to nobody. Where the owner may not send
// one, there is nothing better than to go on.
Task<Flush> HomeserverClient::flush_queue(const domain::EventToSend& event) {
  domain::EventToSend nothing;
  nothing.user_id = event.user_id;
  nothing.room_id = event.room_id;
  nothing.type = "m.room.redaction";
  nothing.content = "{}";
  const domain::Attempt now{clock_.wall_now(), false};
  http::Request request = make_send_request(domain::DelayId::random(), nothing, now, options_.as_token);
  const HttpAnswer answer =
      co_await http_.send(std::move(request), http::SendLimits(options_.flush_timeout, answer_limits::send));
  const SendAnswer read = read_send_answer(answer, clock_.wall_now());
  const auto* refused = std::get_if<Refused>(&read);
  const bool worked_off =
      std::holds_alternative<Sent>(read) || (refused && refused->error.status != http::too_many_requests);
  if (!worked_off) co_return Flush::not_done;
  if (refused) co_return Flush::done;  // it may not have gone through the queue
  const BarrierResult result = co_await barrier_.pass();
  co_return result == BarrierResult::passed ? Flush::shown : Flush::done;
}

Task<WhoamiAnswer> HomeserverClient::whoami(Credentials credentials, http::Headers about_client) {
  const async::Steady give_up = clock_.steady_now() + options_.whoami_timeout;
  while (true) {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(give_up - clock_.steady_now());
    http::Request request = make_whoami_request(credentials, about_client);
    const HttpAnswer answer =
        co_await for_clients_.send(std::move(request), http::SendLimits(left, answer_limits::whoami));
    WhoamiReading read = read_whoami_answer(answer, clock_.wall_now());
    if (auto* identity = std::get_if<Identity>(&read)) {
      if (http::equal_ignoring_case(domain::server_of(identity->user_id), options_.server_name)) {
        co_return std::move(*identity);
      }
      co_return of_another_server();
    }
    if (auto* error = std::get_if<domain::HomeserverError>(&read)) co_return std::move(*error);
    if (auto* unreachable = std::get_if<Unreachable>(&read)) co_return std::move(*unreachable);

    const auto& again = std::get<AskAgain>(read);
    const async::Steady then = clock_.steady_now() + std::max(again.wait, Milliseconds(1));
    if (then >= give_up) co_return Unreachable{"it limits whoami"};
    co_await clock_.sleep_until(then);
  }
}

}  // namespace afterword::homeserver
