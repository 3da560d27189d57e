#include "doctor/ask.h"

#include "base/encoding.h"
#include "gateway/arrival.h"
#include "homeserver/answer_limits.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

namespace afterword::doctor {
namespace {

using async::Task;

// An address that is nobody's (RFC 5737): nobody's limits are used up.
constexpr const char* made_up_address = "192.0.2.77";

}  // namespace

Asker::Asker(async::Executor executor, const ops::Configuration& configuration)
    : configuration_(configuration),
      key_(gateway::arrival_key(configuration.as_token)),
      clock_(executor),
      homeserver_(executor, configuration.homeserver),
      afterword_(executor, http::Origin::at(ops::reachable(configuration.listen.front()))) {
  if (configuration.sidecar) token_service_.emplace(executor, configuration.sidecar->url);
}

http::Client& Asker::client_of(Question::To to) {
  if (to == Question::To::token_service) return token_service_.value();
  return to == Question::To::homeserver ? homeserver_ : afterword_;
}

Task<std::vector<Answer>> Asker::ask(Question question) {
  std::vector<Answer> answers;
  answers.reserve(static_cast<std::size_t>(question.times));
  for (int i = 0; i < question.times; ++i) answers.push_back(co_await ask_once(question));
  co_return answers;
}

Task<Answer> Asker::ask_once(Question question) {
  http::Request request;
  request.method = "GET";
  request.target = question.target;
  if (question.token == Question::Token::as_token) {
    request.headers.add("Authorization", "Bearer " + configuration_.as_token);
  } else if (question.token == Question::Token::admin_token) {
    request.headers.add("Authorization", "Bearer " + configuration_.admin_token.value_or(""));
  }
  if (question.times > 1) request.headers.add("X-Forwarded-For", made_up_address);
  std::string nonce;
  if (question.with_proof && !configuration_.as_token.empty()) {
    std::array<std::uint8_t, 12> random{};
    fill_random(random);
    nonce = to_base64url(random);
    const gateway::ArrivalQuestion proof{nonce, {}};
    request.headers.add(gateway::arrival_header, gateway::arrival_proof(key_, proof, clock_.wall_now()));
  }

  const http::SendLimits limits{std::chrono::seconds(10), homeserver::answer_limits::versions};
  http::Client& client = client_of(question.to);
  Answer answer;
  answer.asked = clock_.wall_now();
  auto got = co_await client.send(std::move(request), limits);
  answer.answered = clock_.wall_now();
  if (!got) {
    answer.reason = got.error().reason;
    co_return answer;
  }
  answer.status = got->status;
  answer.headers = std::move(got->headers);
  answer.text = std::move(got->body);
  if (auto body = parse_json_object(answer.text)) answer.body = *std::move(body);
  answer.is_afterwords = !nonce.empty() && answer.headers.find(gateway::arrival_header) == nonce;
  co_return answer;
}

void Asker::close() {
  homeserver_.close();
  afterword_.close();
  if (token_service_) token_service_->close();
}

}  // namespace afterword::doctor
