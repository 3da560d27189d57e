// The operator's API, /api/v1/ on the operations listener: what is due, late, in doubt or failed, whose and where; and
// a few things that an operator may do about it. docs/openapi.yaml describes it, and tests hold the two together.
//
// Whoever has the token may ask. No content of events and no delay_id is ever answered. Pages are bounded, and so is
// what is looked at for one. What is about the memory of this process is about this instance alone.
//
// Thread: the server's only one. Every answer is JSON, and errors are Matrix's.
#pragma once

#include "api/context.h"
#include "api/matrix_error.h"
#include "async/task.h"
#include "base/json.h"
#include "base/result.h"
#include "delivery/unsettled.h"
#include "http/message.h"
#include "http/target.h"
#include "monitoring/event_handles.h"
#include "monitoring/readiness.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace afterword::monitoring {

class OperatorApi {
 public:
  // The context and the readiness outlive it. `totals`: totals.h. No token: it is off.
  OperatorApi(api::Context& context, Readiness& readiness, std::function<json::object()> totals,
              std::optional<std::string> token)
      : context_(context), readiness_(readiness), totals_(std::move(totals)), token_(std::move(token)) {}

  bool is_on() const { return token_.has_value(); }
  async::Task<http::Response> handle(http::Request request);

 private:
  struct Asked {
    http::Target target;
    json::object body;
  };
  // The error is the answer to give instead.
  using Answer = Result<json::object, http::Response>;
  // What was asked outlives the task.
  using Answering = async::Task<Answer> (OperatorApi::*)(const Asked& asked);
  struct Route {
    std::string_view method;
    std::string_view path;
    Answering answer;
  };
  static std::span<const Route> routes();

  std::optional<http::Response> refusal(const http::Request& request) const;

  async::Task<Answer> totals(const Asked& asked);
  async::Task<Answer> due(const Asked& asked);
  async::Task<Answer> late(const Asked& asked) { return unsettled(asked, delivery::UnsettledKind::late); }
  async::Task<Answer> in_doubt(const Asked& asked) { return unsettled(asked, delivery::UnsettledKind::in_doubt); }
  async::Task<Answer> aside(const Asked& asked) { return unsettled(asked, delivery::UnsettledKind::aside); }
  async::Task<Answer> failed(const Asked& asked);
  async::Task<Answer> of_user(const Asked& asked);
  async::Task<Answer> of_room(const Asked& asked);
  async::Task<Answer> look_up(const Asked& asked);
  async::Task<Answer> cancel(const Asked& asked);
  async::Task<Answer> cancel_all(const Asked& asked);
  async::Task<Answer> end_call(const Asked& asked);
  async::Task<Answer> drain(const Asked& asked);
  async::Task<Answer> log_level(const Asked& asked);
  async::Task<Answer> set_log_level(const Asked& asked);

  async::Task<Answer> unsettled(const Asked& asked, delivery::UnsettledKind kind);
  Result<domain::DelayId, http::Response> event_of(const Asked& asked) const;
  json::object shown(const domain::DelayedEvent& event) const;
  // `more`: there are others, whether or not a page can begin at them.
  json::object page(json::array events, bool more) const;
  json::object page_before(std::string_view next_batch, json::array events) const;
  std::string cursor(Timestamp when, const domain::DelayId& delay_id) const;
  // Where an earlier page ended, if one is named.
  Result<std::optional<std::pair<Timestamp, domain::DelayId>>, http::Response> from_of(const Asked& asked) const;

  api::Context& context_;
  Readiness& readiness_;
  const std::function<json::object()> totals_;
  const std::optional<std::string> token_;
  const EventHandles handles_;
};

}  // namespace afterword::monitoring
