// Reads a scheduling request, in any of its wire forms, into a delayed event (docs/protocol.md section 1). Pure.
#pragma once

#include "api/caller.h"
#include "api/matrix_error.h"
#include "api/wire_form.h"
#include "base/result.h"
#include "base/time.h"
#include "domain/delayed_event.h"
#include "domain/limits.h"

#include <optional>
#include <string>

namespace afterword::api {

struct ScheduleRequest {
  WireForm form = WireForm::stable;
  Caller caller;

  // From the path, decoded. On the stable and unstable routes the body says whether it is a state event.
  domain::EventKind kind = domain::EventKind::message;
  domain::RoomId room_id;
  std::string type;
  std::string state_key;  // of a legacy state route
  domain::EventId redacts;
  std::optional<domain::TransactionKey> transaction;

  // From the query, decoded.
  std::optional<std::string> delay;               // legacy
  std::optional<std::string> sticky_duration_ms;  // MSC4354
  std::optional<std::string> ts;                  // heeded only from an application service

  std::string body;
};

// The event to be scheduled at `now`, with a new delay_id, or what is wrong with the request.
Result<domain::NewDelayedEvent, MatrixError> read_schedule_request(ScheduleRequest request,
                                                                   const domain::Limits& limits, Timestamp now);

}  // namespace afterword::api
