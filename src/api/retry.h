// Schedules again, due at once, what has failed for a reason that passes (docs/protocol.md section 10).
#pragma once

#include "api/context.h"
#include "http/message.h"

#include <string>

namespace afterword::api {

// `delay_id` as it stands in the path, decoded. Answers the delay_id of the event that takes its place.
async::Task<http::Response> retry(Context& context, domain::UserId caller, std::string delay_id);

}  // namespace afterword::api
