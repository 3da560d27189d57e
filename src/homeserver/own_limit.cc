#include "homeserver/own_limit.h"

#include "homeserver/answer_limits.h"
#include "homeserver/read_answer.h"

#include <boost/asio/this_coro.hpp>

#include <utility>
#include <variant>

namespace afterword::homeserver {

// The pause after a question without an answer; what sends has its own, longer one.
constexpr Milliseconds unanswered{0};

async::Task<std::optional<Milliseconds>> OwnLimit::ask() {
  const async::Executor executor = co_await async::asio::this_coro::executor;
  if (!answered_) answered_.emplace(executor);
  if (asking_) {
    const std::uint64_t before = answers_;
    const async::Steady give_up = clock_.steady_now() + timeout_;
    while (answers_ == before && clock_.steady_now() < give_up) co_await answered_->wait_until(clock_, give_up);
    co_return answers_ == before ? unanswered : last_answer_;
  }
  asking_ = true;
  last_answer_ = co_await ask_whoami();
  asking_ = false;
  ++answers_;
  answered_->notify_all();
  co_return last_answer_;
}

async::Task<std::optional<Milliseconds>> OwnLimit::ask_whoami() {
  http::Request request;
  request.method = "GET";
  request.target = "/_matrix/client/v3/account/whoami";
  request.headers.add("Authorization", "Bearer " + as_token_);
  const HttpAnswer answer = co_await http_.send(std::move(request), http::SendLimits(timeout_, answer_limits::whoami));
  const WhoamiReading read = read_whoami_answer(answer, clock_.now());
  if (const auto* limited = std::get_if<AskAgain>(&read)) co_return limited->wait;
  if (std::holds_alternative<Unreachable>(read)) co_return unanswered;
  co_return std::nullopt;
}

}  // namespace afterword::homeserver
