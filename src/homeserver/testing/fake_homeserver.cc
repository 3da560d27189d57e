#include "homeserver/testing/fake_homeserver.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

namespace afterword::homeserver::testing {
namespace {

template <class Answer>
Answer take_first(std::deque<Answer>& answers) {
  Answer first = std::move(answers.front());
  answers.pop_front();
  return first;
}

}  // namespace

SendAnswer refused(int status, const std::string& errcode) {
  const std::string body = R"({"errcode":")" + errcode + R"(","error":"No"})";
  return Refused{domain::HomeserverError{status, body}, errcode, std::nullopt};
}

Task<std::optional<NotArrived>> FakeHomeserver::prepare(domain::DelayId) {
  if (prepare_time > std::chrono::milliseconds(0)) co_await clock_.sleep_for(prepare_time);
  if (is_away) co_return NotArrived{"connection refused"};
  co_return std::nullopt;
}

Task<SendAnswer> FakeHomeserver::send(domain::DelayId delay_id, const domain::EventToSend& event,
                                      domain::Attempt attempt, Milliseconds time_limit) {
  const Send send{delay_id, event, attempt, clock_.now()};
  sends.push_back(send);
  most_under_way = std::max(most_under_way, ++under_way);
  const auto time = send_time ? send_time(send) : std::chrono::milliseconds(0);
  co_await clock_.sleep_for(std::min(time, time_limit));
  --under_way;
  const auto state = co_await async::asio::this_coro::cancellation_state;
  if (state.cancelled() != async::asio::cancellation_type::none) co_return Unclear{"cancelled"};
  if (time > time_limit) co_return Unclear{"timed out", may_queue};
  if (!next_answers.empty()) co_return take_first(next_answers);
  if (answer_send) co_return answer_send(send);
  co_return Sent{domain::EventId("$" + delay_id.to_string())};
}

Task<LookAnswer> FakeHomeserver::look_for(domain::DelayId delay_id, const domain::EventToSend& event,
                                          domain::Attempt attempt) {
  const Send look{delay_id, event, attempt, clock_.now()};
  looks.push_back(look);
  if (look_time > std::chrono::milliseconds(0)) co_await clock_.sleep_for(look_time);
  if (!next_looks.empty()) co_return take_first(next_looks);
  if (answer_look) co_return answer_look(look);
  co_return Candidates{};
}

Task<Flush> FakeHomeserver::flush_queue(const domain::EventToSend&) {
  ++flushes;
  co_return flush;
}

Task<WayAnswer> FakeHomeserver::ask_way(domain::UserId) {
  ++way_questions;
  if (is_away || !way_is_open) co_return Closed{"connection refused"};
  co_return Open{};
}

Task<WhoamiAnswer> FakeHomeserver::whoami(Credentials credentials, http::Headers about_client) {
  ++whoami_calls;
  told_of_clients.push_back(std::move(about_client));
  co_await clock_.sleep_for(whoami_time);
  const auto state = co_await async::asio::this_coro::cancellation_state;
  if (state.cancelled() != async::asio::cancellation_type::none) co_return Unreachable{"cancelled"};
  if (!next_whoami_answers.empty()) co_return take_first(next_whoami_answers);
  if (answer_whoami) co_return answer_whoami(credentials);
  const auto found = tokens.find(std::string(credentials.access_token.text()));
  if (found != tokens.end()) co_return found->second;
  co_return domain::HomeserverError{401, R"({"errcode":"M_UNKNOWN_TOKEN","error":"Unknown token"})"};
}

}  // namespace afterword::homeserver::testing
