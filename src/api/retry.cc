#include "api/retry.h"

#include "api/matrix_error.h"
#include "api/schedule.h"
#include "domain/retry.h"

namespace afterword::api {

async::Task<http::Response> retry(Context& context, domain::UserId caller, std::string delay_id) {
  const std::optional<domain::DelayId> parsed = domain::DelayId::parse(delay_id);
  if (!parsed) co_return to_response(delayed_event_not_found());
  const std::optional<domain::UserId> owner = std::move(caller);
  const auto found = co_await context.store.look_up(*parsed, owner);
  if (!found) co_return to_response(store_unavailable());
  if (!*found) co_return to_response(delayed_event_not_found());
  if (!domain::may_be_retried(**found)) co_return to_response(cannot_be_retried());
  if (context.limits.max_scheduled_per_user == 0U) co_return to_response(scheduling_forbidden());
  auto keeping = keep(context, domain::retry_of(**found, context.clock.now()));
  co_return co_await std::move(keeping);
}

}  // namespace afterword::api
