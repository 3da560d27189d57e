#include "api/end_call.h"

#include "api/manage.h"
#include "domain/limits.h"

#include <chrono>

namespace afterword::api {
namespace {

constexpr std::uint32_t events_at_once = 100;
// Whoever asked has no more patience.
constexpr std::chrono::seconds longest{20};

}  // namespace

async::Task<store::StoreResult<EndedCall>> end_call(Context& context, domain::RoomId room_id, domain::Action action) {
  const async::Steady give_up = context.clock.steady_now() + longest;
  EndedCall ended;
  std::optional<store::ListPosition> after;
  bool more = true;
  while (more) {
    const auto page = co_await context.store.list_room(room_id, after, events_at_once);
    if (!page) co_return page.error();
    more = page->more;
    for (const domain::DelayedEvent& event : page->events) {
      after = store::ListPosition{event.timing.due(), event.delay_id};
      if (!domain::is_of_call(event.event)) continue;
      ended.more = context.clock.steady_now() >= give_up;
      if (ended.more) co_return ended;
      ManageRequest request;
      request.delay_id = event.delay_id.to_string();
      request.action = action;
      request.answer_by = give_up;
      const Managed managed = co_await manage(context, std::move(request));
      ++(http::is_success(managed.response.status) ? ended.done : ended.failed);
      const int status = managed.response.status;
      ended.more = !http::is_success(status) && !http::is_client_error(status);
      if (ended.more) co_return ended;
    }
  }
  co_return ended;
}

}  // namespace afterword::api
