// Schedules an event (docs/protocol.md section 1).
#pragma once

#include "api/context.h"
#include "api/schedule_request.h"
#include "http/message.h"

namespace afterword::api {

async::Task<http::Response> schedule(Context& context, ScheduleRequest request);

// The same for an event that was read already. Answers its delay_id, or that of the first request of its transaction.
async::Task<http::Response> keep(Context& context, domain::NewDelayedEvent event);

}  // namespace afterword::api
