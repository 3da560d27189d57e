#include "homeserver/way_question.h"

#include "homeserver/answer_limits.h"
#include "homeserver/query.h"
#include "homeserver/read_answer.h"

#include <boost/asio/this_coro.hpp>

#include <utility>

namespace afterword::homeserver {
namespace {

class Asking {
 public:
  explicit Asking(bool& asking) : asking_(asking) { asking_ = true; }
  ~Asking() { asking_ = false; }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

 private:
  bool& asking_;
};

}  // namespace

async::Task<WayAnswer> WayQuestion::ask(domain::UserId owner) {
  const async::Executor executor = co_await async::asio::this_coro::executor;
  if (!answered_) answered_.emplace(executor);
  if (asking_) {
    const std::uint64_t before = answers_;
    const async::Steady give_up = clock_.steady_now() + timeout_;
    while (answers_ == before && clock_.steady_now() < give_up) co_await answered_->wait_until(clock_, give_up);
    if (answers_ == before) co_return Closed{"no answer in time"};
    co_return last_answer_;
  }
  const Asking asking(asking_);
  last_answer_ = co_await send(std::move(owner));
  ++answers_;
  answered_->notify_all();
  co_return last_answer_;
}

async::Task<WayAnswer> WayQuestion::send(domain::UserId owner) {
  Query query;
  query.add("user_id", owner.value);
  http::Request request;
  request.method = "GET";
  request.target = "/_matrix/client/v3/account/whoami" + query.text();
  request.headers.add("Authorization", "Bearer " + as_token_);
  const HttpAnswer answer = co_await http_.send(std::move(request), http::SendLimits(timeout_, answer_limits::whoami));
  co_return read_way_answer(answer, clock_.wall_now());
}

}  // namespace afterword::homeserver
