#include "homeserver/kind.h"

#include "base/json.h"
#include "homeserver/answer_limits.h"

#include <utility>

namespace afterword::homeserver {
namespace {

constexpr std::chrono::milliseconds time_limit{2'000};
// Federation may be served elsewhere, or by nobody yet.
constexpr std::chrono::minutes pause_after_failure{5};

}  // namespace

void KnownKind::note(const http::Response& answer) {
  const auto server = answer.headers.find("Server");
  if (!is_configured_ && server && server->starts_with("Synapse/")) kind_ = Kind::synapse;
}

async::Task<void> KnownKind::ask() {
  if (kind_ || clock_.steady_now() < ask_again_) co_return;
  ask_again_ = clock_.steady_now() + pause_after_failure;
  http::Request request;
  request.method = "GET";
  request.target = "/_matrix/federation/v1/version";
  const auto answer = co_await http_.send(std::move(request), http::SendLimits(time_limit, answer_limits::versions));
  if (!answer || answer->status != 200 || kind_) co_return;
  const auto body = parse_json_object(answer->body);
  const json::object* const server = body ? object_member(*body, "server") : nullptr;
  const auto name = server != nullptr ? string_member(*server, "name") : std::nullopt;
  if (name) kind_ = *name == "Synapse" ? Kind::synapse : Kind::other;
}

}  // namespace afterword::homeserver
