#include "gateway/pass_through.h"

#include "api/matrix_error.h"
#include "base/log.h"

#include <chrono>

namespace afterword::gateway {
namespace {

// Longer than any long poll or upload is meant to take.
constexpr std::chrono::milliseconds max_duration = std::chrono::minutes(10);

void add_forwarded_for(http::Request& request) {
  std::string chain;
  if (const auto earlier = request.headers.find("X-Forwarded-For")) chain = std::string(*earlier) + ", ";
  request.headers.set("X-Forwarded-For", chain + request.peer);
}

}  // namespace

async::Task<http::Response> pass_through(http::Client& homeserver, http::Request request) {
  add_forwarded_for(request);
  const std::string method = request.method;
  auto answer = co_await homeserver.send(std::move(request), max_duration);
  if (!answer && answer.error().was_closed) co_return http::Response{.status = http::no_answer};
  if (!answer) {
    log::warn("the homeserver gave no answer to a {}: {}", method, answer.error().reason);
    co_return api::to_response(api::homeserver_unreachable());
  }
  co_return std::move(*answer);
}

async::Task<http::Response> pass_through_readable(http::Client& homeserver, http::Request request) {
  request.headers.remove("Accept-Encoding");
  return pass_through(homeserver, std::move(request));
}

}  // namespace afterword::gateway
