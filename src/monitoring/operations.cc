#include "monitoring/operations.h"

#include <string>
#include <string_view>
#include <utility>

namespace afterword::monitoring {
namespace {

constexpr std::string_view plain_text = "text/plain; charset=utf-8";
constexpr std::string_view prometheus_text = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::size_t most_bytes = 1024 * 1024;

http::Response answer(int status, std::string body, std::string_view type = plain_text) {
  http::Response response;
  response.status = status;
  response.headers.add("Content-Type", std::string(type));
  response.headers.add("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

}  // namespace

async::Task<http::Response> Operations::handle(http::Request request) {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  if (request.method != "GET" && request.method != "HEAD") co_return answer(405, "only GET and HEAD\n");
  if (path == "/metrics") co_return answer(200, metrics_(), prometheus_text);
  if (path == "/health/live") co_return answer(200, "live\n");
  if (path == ready_path) co_return co_await ready();
  co_return answer(404, "there is /metrics, /health/live and /health/ready\n");
}

async::Task<http::Response> Operations::ready() {
  const auto reason = co_await readiness_.why_not();
  if (reason) co_return answer(503, "not ready: " + *reason + "\n");
  co_return answer(200, "ready\n");
}

http::ServerOptions server_options() {
  http::ServerOptions options;
  options.max_header_bytes = 16 * 1024;
  options.max_body_bytes = 0;
  options.bodies = std::make_shared<http::ByteBudget>(most_bytes);
  options.farewell = std::chrono::milliseconds(0);
  return options;
}

}  // namespace afterword::monitoring
