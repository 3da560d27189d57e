#include "gateway/pass_through.h"

#include "api/matrix_error.h"
#include "base/log.h"
#include "gateway/forwarded.h"

#include <chrono>

namespace afterword::gateway {
namespace {

// Longer than any long poll or upload is meant to take.
constexpr std::chrono::milliseconds max_duration = std::chrono::minutes(10);

}  // namespace

async::Task<http::Response> pass_through(http::Client& homeserver, http::Request request,
                                         const std::vector<std::string>& trusted_proxies) {
  set_forwarded(request, trusted_proxies);
  const std::string method = request.method;
  auto answer = co_await homeserver.send(std::move(request), max_duration);
  if (!answer && answer.error().was_closed) co_return http::Response{.status = http::no_answer};
  if (!answer) {
    log::warn("the homeserver gave no answer to a {}: {}", method, answer.error().reason);
    co_return api::to_response(api::homeserver_unreachable());
  }
  co_return std::move(*answer);
}

async::Task<http::Response> pass_through_readable(http::Client& homeserver, http::Request request,
                                                  const std::vector<std::string>& trusted_proxies) {
  for (const char* name : {"Accept-Encoding", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                           "If-Range", "Range"}) {
    request.headers.remove(name);
  }
  http::Response response = co_await pass_through(homeserver, std::move(request), trusted_proxies);
  for (const char* name : {"ETag", "Last-Modified", "Accept-Ranges"}) response.headers.remove(name);
  co_return response;
}

}  // namespace afterword::gateway
