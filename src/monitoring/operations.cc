#include "monitoring/operations.h"

#include "http/ip_range.h"
#include "monitoring/console.h"

#include <string>
#include <string_view>
#include <utility>

namespace afterword::monitoring {
namespace {

constexpr std::string_view plain_text = "text/plain; charset=utf-8";
constexpr std::string_view prometheus_text = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::size_t most_bytes = 8 * 1024 * 1024;
constexpr std::size_t most_bytes_of_a_body = 4 * 1024;

http::Response answer(int status, std::string body, std::string_view type = plain_text) {
  http::Response response;
  response.status = status;
  response.headers.add("Content-Type", type);
  response.headers.add("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

// A page of somebody else, in the browser of whoever is at this machine, can have its own name lead here. It cannot
// have an address do so, nor localhost.
bool names_this_machine(const http::Request& request) {
  std::string_view host = request.headers.find("Host").value_or("");
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return false;
  host = host.substr(0, host.find(':', bracket));
  if (bracket > 0) return host.size() == bracket + 1 && http::parse_ip(host.substr(1, bracket - 1)).has_value();
  return http::equal_ignoring_case(host, "localhost") || http::parse_ip(host).has_value();
}

}  // namespace

async::Task<http::Response> Operations::handle(http::Request request) {
  const bool is_for_operators = request.target.starts_with("/api/") || request.target.starts_with("/console/") ||
                                request.target == "/" || request.target.starts_with("/?");
  if (is_for_operators && is_local_ && !names_this_machine(request)) {
    co_return answer(421, "ask for localhost, or for an IP address\n");
  }
  if (request.target.starts_with("/api/")) co_return co_await api_.handle(std::move(request));
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  if (request.method != "GET" && request.method != "HEAD") co_return answer(405, "only GET and HEAD\n");
  if (path == "/metrics") co_return answer(200, metrics_(), prometheus_text);
  if (path == "/health/live") co_return answer(200, "live\n");
  if (path == ready_path) co_return co_await ready();
  if (auto file = api_.is_on() ? console_file(path) : std::nullopt) co_return *std::move(file);
  co_return answer(404, "there is /metrics, /health/live, /health/ready, and with ops.token / and /api/v1/\n");
}

async::Task<http::Response> Operations::ready() {
  const auto reason = co_await readiness_.why_not();
  if (reason) co_return answer(503, "not ready: " + *reason + "\n");
  co_return answer(200, "ready\n");
}

http::ServerOptions server_options() {
  http::ServerOptions options;
  options.max_header_bytes = 16 * 1024;
  options.max_body_bytes = most_bytes_of_a_body;
  options.bodies = std::make_shared<http::ByteBudget>(most_bytes);
  options.farewell = std::chrono::milliseconds(0);
  return options;
}

}  // namespace afterword::monitoring
