// The operator's API, /api/v1/ on the operations listener: what is due, late, in doubt or failed, whose and where; and
// a few things that an operator may do about it. docs/openapi.yaml describes it, and tests hold the two together. Here
// is who may ask, and what leads where; event_lists.h and operator_actions.h answer.
//
// Whoever has the token may ask. No content of events and no delay_id is ever answered. What is about the memory of
// this process is about this instance alone.
//
// Thread: the server's only one. Every answer is JSON, and errors are Matrix's.
#pragma once

#include "api/context.h"
#include "async/task.h"
#include "base/json.h"
#include "http/message.h"
#include "monitoring/operator_request.h"
#include "monitoring/readiness.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace afterword::monitoring {

class OperatorApi {
 public:
  // The context and the readiness outlive it. `totals`: totals.h. No token: it is off.
  OperatorApi(api::Context& context, Readiness& readiness, std::function<json::object()> totals,
              std::optional<std::string> token)
      : parts_{context, readiness, std::move(totals)}, token_(std::move(token)) {}

  bool is_on() const { return token_.has_value(); }
  async::Task<http::Response> handle(http::Request request);

 private:
  std::optional<http::Response> refusal(const http::Request& request) const;

  OperatorParts parts_;
  const std::optional<std::string> token_;
};

}  // namespace afterword::monitoring
