// Schedules an event (docs/protocol.md section 1).
#pragma once

#include "api/context.h"
#include "api/schedule_request.h"
#include "http/message.h"

namespace afterword::api {

async::Task<http::Response> schedule(Context& context, ScheduleRequest request);

}  // namespace afterword::api
