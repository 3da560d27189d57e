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

// While the homeserver is away, every request would have a line.
void log_outcome(Passing& passing, const std::string& method, const Result<http::Response, http::NoAnswer>& answer) {
  if (answer) {
    const auto works = passing.outage.worked();
    if (works) log::info("the homeserver answers again; {} requests had no answer", works->failures);
    return;
  }
  const auto failing = passing.outage.failed(passing.clock.steady_now());
  if (!failing) return;
  const std::string others =
      failing->unsaid > 0 ? fmt::format(" (and {} more since this was last said)", failing->unsaid) : "";
  log::warn("the homeserver gave no answer to a {}: {}{}", method, answer.error().reason, others);
}

http::Response to_response(Passing& passing, const std::string& method, Result<http::Response, http::NoAnswer> answer) {
  if (!answer && answer.error().was_cancelled) {
    http::Response none;
    none.status = http::no_answer;
    return none;
  }
  if (!answer && answer.error().no_room) return http::no_room_in_memory();
  log_outcome(passing, method, answer);
  if (!answer) return api::to_response(api::homeserver_unreachable());
  return std::move(*answer);
}

}  // namespace

async::Task<http::Response> pass_through(http::Client& homeserver, http::Request request, Passing& passing) {
  set_forwarded(request, passing.trusted_proxies);
  const std::string method = request.method;
  auto answer = co_await homeserver.stream(std::move(request), max_passing_time);
  co_return to_response(passing, method, std::move(answer));
}

void ask_for_all_of_it(http::Request& request) {
  for (const char* name : {"Accept-Encoding", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                           "If-Range", "Range"}) {
    request.headers.remove(name);
  }
}

async::Task<http::Response> pass_through_readable(http::Client& homeserver, http::Request request, Passing& passing,
                                                  http::SendLimits limits) {
  ask_for_all_of_it(request);
  set_forwarded(request, passing.trusted_proxies);
  const std::string method = request.method;
  auto answer = co_await homeserver.send(std::move(request), limits);
  co_return to_response(passing, method, std::move(answer));
}

void forget_body(http::Response& answer) {
  for (const char* name : {"Content-Length", "Content-Encoding", "ETag", "Last-Modified", "Accept-Ranges",
                           "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"}) {
    answer.headers.remove(name);
  }
}

void replace_body(http::Response& answer, std::string body) {
  forget_body(answer);
  answer.body = std::move(body);
  answer.is_chunked = false;
}

}  // namespace afterword::gateway
