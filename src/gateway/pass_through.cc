#include "gateway/pass_through.h"

#include "api/matrix_error.h"
#include "base/log.h"
#include "gateway/forwarded.h"
#include "http/matrix_answer.h"

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace afterword::gateway {
namespace {

// What is known of a request once it is on its way.
struct Passed {
  std::string method;
  std::string request_id;
};

Passed prepare(http::Request& request, Passing& passing, AskedHost host) {
  set_forwarded(request, passing.is_trusted_proxy);
  if (host == AskedHost::the_homeservers) request.headers.remove("Host");
  return {request.method, set_request_id(request, passing.is_trusted_proxy, passing.request_ids)};
}

// While the homeserver is away, every request would have a line.
void log_outcome(Passing& passing, const Passed& passed, const Result<http::Response, http::NoAnswer>& answer) {
  if (answer) {
    const auto works = passing.outage.worked();
    if (works) log::info("the homeserver answers again; {} requests had no answer", works->failures);
    log_with(log::level::debug, "the homeserver has answered a request",
             {{"method", passed.method}, {"status", answer->status}, {"request_id", passed.request_id}});
    return;
  }
  const auto failing = passing.outage.failed(passing.clock.steady_now());
  if (!failing) return;
  const std::string others =
      failing->unsaid > 0 ? fmt::format(" (and {} more since this was last said)", failing->unsaid) : "";
  log_with(log::level::warn, "the homeserver gave no answer to a request" + others,
           {{"method", passed.method}, {"reason", answer.error().reason}, {"request_id", passed.request_id}});
}

// All of a body, of which the beginning is there.
class BodyWithBeginning final : public http::BodyStream {
 public:
  BodyWithBeginning(std::string beginning, std::shared_ptr<http::BodyStream> rest)
      : beginning_(std::move(beginning)), rest_(std::move(rest)) {}

  async::Task<Result<std::string_view, http::BrokenOff>> read() override {
    if (!has_begun_ && !beginning_.empty()) {
      has_begun_ = true;
      co_return std::string_view(beginning_);
    }
    beginning_ = std::string();
    if (!rest_) co_return std::string_view();
    co_return co_await rest_->read();
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    const std::optional<std::uint64_t> remaining = rest_ ? rest_->remaining_bytes() : 0;
    return remaining && !has_begun_ ? *remaining + beginning_.size() : remaining;
  }

 private:
  std::string beginning_;
  std::shared_ptr<http::BodyStream> rest_;
  bool has_begun_ = false;
};

http::Response to_response(Passing& passing, const Passed& passed, Result<http::Response, http::NoAnswer> answer) {
  if (!answer && answer.error().was_cancelled) {
    return http::without_answer();
  }
  if (!answer && answer.error().no_room) return http::no_room_in_memory();
  log_outcome(passing, passed, answer);
  if (!answer) return api::to_response(api::homeserver_unreachable());
  return std::move(*answer);
}

// `passing` outlives the task.
async::Task<http::Response> answer_of(Passing& passing, Passed passed, async::Task<http::SendResult> asking) {
  auto answer = co_await std::move(asking);
  co_return to_response(passing, passed, std::move(answer));
}

}  // namespace

async::Task<http::Response> pass_through(http::Client& homeserver, http::Request request, Passing& passing,
                                         AskedHost host) {
  Passed passed = prepare(request, passing, host);
  return answer_of(passing, std::move(passed), homeserver.stream(std::move(request), max_passing_time));
}

void ask_for_all_of_it(http::Request& request) {
  for (const char* name : {"Accept-Encoding", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                           "If-Range", "Range"}) {
    request.headers.remove(name);
  }
}

async::Task<http::Response> pass_through_readable(http::Client& homeserver, http::Request request, Passing& passing,
                                                  http::SendLimits limits, AskedHost host) {
  ask_for_all_of_it(request);
  Passed passed = prepare(request, passing, host);
  return answer_of(passing, std::move(passed), homeserver.send(std::move(request), limits));
}

void forget_body(http::Response& answer) {
  for (const char* name : {"Content-Length", "Content-Encoding", "ETag", "Last-Modified", "Accept-Ranges",
                           "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"}) {
    answer.headers.remove(name);
  }
}

std::shared_ptr<http::BodyStream> take_body(http::Response& answer) {
  auto body = std::make_shared<BodyWithBeginning>(std::move(answer.body), std::move(answer.rest));
  answer.body = std::string();
  return body;
}

async::Task<http::Response> with_body(http::Response answer, std::shared_ptr<http::BodyStream> body) {
  forget_body(answer);
  answer.rest = std::move(body);
  const bool is_there = co_await http::gather(answer, small_answer_bytes);
  if (!is_there) co_return http::without_answer();
  co_return answer;
}

void replace_body(http::Response& answer, std::string body) {
  forget_body(answer);
  answer.body = std::move(body);
  answer.is_chunked = false;
}

}  // namespace afterword::gateway
