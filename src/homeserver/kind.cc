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
  if (is_configured_ || kind_ == Kind::synapse) return;
  if (const auto product = product_in(answer.headers)) kind_ = product->kind;
}

async::Task<void> KnownKind::ask() {
  if (kind_ || clock_.steady_now() < ask_again_) co_return;
  ask_again_ = clock_.steady_now() + pause_after_failure;
  http::Request request;
  request.method = "GET";
  request.target = product_target;
  const auto answer = co_await http_.send(std::move(request), http::SendLimits(time_limit, answer_limits::versions));
  if (!answer || answer->status != 200 || kind_) co_return;
  const auto body = parse_json_object(answer->body);
  const auto product = body ? product_in(*body) : std::nullopt;
  if (product) kind_ = product->kind;
}

}  // namespace afterword::homeserver
