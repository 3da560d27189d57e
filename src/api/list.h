// Lists a user's delayed events: the scheduled ones, or any of them with filters and paging (docs/protocol.md section
// 4).
#pragma once

#include "api/context.h"
#include "api/matrix_error.h"
#include "api/wire_form.h"
#include "base/result.h"
#include "http/message.h"
#include "store/store.h"

#include <optional>
#include <string>

namespace afterword::api {

// GET U/delayed_events: all that are scheduled, by send time. `client` has a share of the memory (http/byte_budget.h).
async::Task<http::Response> list_scheduled(Context& context, domain::UserId caller, std::string client);

// The query of MSC4486, decoded.
struct ListRequest {
  WireForm form = WireForm::stable;
  domain::UserId caller;
  std::string client{};
  std::optional<std::string> from_ts, to_ts, dir, from, room_id, type, status;
};

async::Task<http::Response> list(Context& context, ListRequest request);

// `from_ts` and `to_ts` are wall time, which is `wall_offset` ahead of server time.
Result<store::ListQuery, MatrixError> read_list_request(const ListRequest& request, Milliseconds wall_offset);

// The token of MSC4486's `from` and `next_batch`: a place in the list, not a number of events, so that pages stay
// stable while events come and go.
std::string to_token(const store::ListPosition& position);
std::optional<store::ListPosition> read_token(std::string_view token);

}  // namespace afterword::api
