// The lists of the operator's API: the events that are due next, late, in doubt, set aside or failed, and those of a
// user and of a room. Pages are bounded, and so is what is looked at for one.
//
// Thread: the server's only one. The parts and the request outlive the task.
#pragma once

#include "async/task.h"
#include "monitoring/operator_request.h"

namespace afterword::monitoring {

// Of this instance alone, as they are in its memory.
async::Task<OperatorAnswer> list_due(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> list_late(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> list_in_doubt(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> list_aside(OperatorParts& parts, const OperatorRequest& request);

// Of the whole store. `next_batch` of a page is the `from` of the next one.
async::Task<OperatorAnswer> list_failed(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> list_of_user(OperatorParts& parts, const OperatorRequest& request);
async::Task<OperatorAnswer> list_of_room(OperatorParts& parts, const OperatorRequest& request);

}  // namespace afterword::monitoring
