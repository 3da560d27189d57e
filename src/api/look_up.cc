#include "api/look_up.h"

#include "api/delayed_event_json.h"
#include "api/matrix_error.h"

#include <utility>

namespace afterword::api {

async::Task<http::Response> look_up(Context& context, LookUpRequest request) {
  if (!request.delay_id) co_return to_response(delayed_event_not_found());
  const auto found = co_await context.store.look_up(*request.delay_id, std::move(request.caller));
  if (!found) co_return to_response(store_unavailable());
  if (!*found) co_return to_response(delayed_event_not_found());
  co_return ok(to_json(**found, request.form, context.clock.wall_offset()));
}

}  // namespace afterword::api
