// What an operator does by the API, to an event, a user's events or this instance, and what it tells of them; the lists
// are in event_lists.h.
//
// Thread: the server's only one. The parts and the request outlive the task.
#pragma once

#include "async/task.h"
#include "monitoring/operator_request.h"

namespace afterword::monitoring {

async::Task<OperatorAnswer> show_totals(OperatorParts& parts, const OperatorRequest& request);

// The event is named by its delay_id, which somebody has reported, or by its handle, which the lists show.
async::Task<OperatorAnswer> look_up_event(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> cancel_event(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> cancel_all_of_user(OperatorParts& parts, const OperatorRequest& request);

// What a call's room has scheduled is sent or cancelled (api/end_call.h).
async::Task<OperatorAnswer> end_call(OperatorParts& parts, const OperatorRequest& request);

// Takes this instance out of service, or puts it back.
async::Task<OperatorAnswer> drain(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> show_log_level(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> change_log_level(OperatorParts& parts, const OperatorRequest& request);

}  // namespace afterword::monitoring
