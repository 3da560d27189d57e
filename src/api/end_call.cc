#include "api/end_call.h"

#include "api/manage.h"
#include "domain/limits.h"

#include <algorithm>
#include <chrono>

namespace afterword::api {
namespace {

constexpr std::uint32_t events_at_once = 100;
// Whoever asked has no more patience; nothing is begun after that.
constexpr std::chrono::seconds longest{20};
// Of one event, so that one which has no outcome, because nobody knows whether it has arrived, does not keep the others
// from theirs.
constexpr std::chrono::seconds share{2};

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
      if (!domain::is_of_call(*event.event)) continue;
      const async::Steady now = context.clock.steady_now();
      if (now >= give_up) {
        ended.more = true;
        co_return ended;
      }
      ManageRequest request;
      request.delay_id = event.delay_id;
      request.action = action;
      request.answer_by = std::min(give_up, now + share);
      const Managed managed = co_await manage(context, std::move(request));
      const int status = managed.response.status;
      ++(http::is_success(status) ? ended.done : ended.failed);
      if (!http::is_success(status) && !http::is_client_error(status)) ended.more = true;
    }
  }
  co_return ended;
}

}  // namespace afterword::api
