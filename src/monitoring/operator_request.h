// A request of the operator's API, read, and what its answer is made from.
#pragma once

#include "api/context.h"
#include "api/matrix_error.h"
#include "base/json.h"
#include "base/result.h"
#include "domain/event_check.h"
#include "domain/ids.h"
#include "http/message.h"
#include "http/target.h"
#include "monitoring/event_handles.h"
#include "monitoring/readiness.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace afterword::monitoring {

struct OperatorRequest {
  http::Target target;
  json::object body;
};

// The error is the answer to give instead.
using OperatorAnswer = Result<json::object, http::Response>;

struct OperatorParts {
  api::Context& context;
  Readiness& readiness;
  std::function<json::object()> totals;  // totals.h
  EventHandles handles{};
};

inline Result<domain::UserId, http::Response> read_user_id(std::optional<std::string> text) {
  if (text && domain::is_user_id(*text)) return domain::UserId(*std::move(text));
  return api::to_response(api::invalid_parameter("user_id", "a user's id, as @alice:example.org"));
}

inline Result<domain::RoomId, http::Response> read_room_id(std::optional<std::string> text) {
  if (text && domain::is_room_id(*text)) return domain::RoomId(*std::move(text));
  return api::to_response(api::invalid_parameter("room_id", "a room's id, as !a:example.org"));
}

}  // namespace afterword::monitoring
