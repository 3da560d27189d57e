#include "api/schedule.h"

#include "base/json_writer.h"
#include "delivery/event_log.h"

#include <algorithm>

namespace afterword::api {
namespace {

http::Response scheduled_as(const domain::DelayId& delay_id) {
  std::string answer;
  JsonObjectWriter members(answer);
  members.add("delay_id", delay_id.text());
  members.end();
  return ok(std::move(answer));
}

// A repeated transaction is answered as the first was, even if the repetition makes no sense by itself.
async::Task<http::Response> known_transaction_or(Context& context, std::optional<domain::TransactionKey> transaction,
                                                 MatrixError error) {
  if (transaction) {
    const auto known = co_await context.store.find_transaction(*transaction);
    if (!known) co_return to_response(store_unavailable());
    if (*known) co_return scheduled_as(**known);
  }
  co_return to_response(error);
}

}  // namespace

async::Task<http::Response> schedule(Context& context, ScheduleRequest request) {
  const Timestamp now = context.clock.now();
  const std::optional<domain::TransactionKey> transaction = request.transaction;
  auto read = read_schedule_request(std::move(request), context.limits, now);
  if (!read) co_return co_await known_transaction_or(context, transaction, std::move(read.error()));

  auto keeping = keep(context, std::move(*read));
  co_return co_await std::move(keeping);
}

async::Task<http::Response> keep(Context& context, domain::NewDelayedEvent event) {
  const auto most = domain::most_scheduled(context.limits, domain::is_of_call(event.event));
  const auto answer = co_await context.store.schedule(event, most);
  if (!answer) {
    // A database that could not answer any more may have kept it; then a repeated transaction finds it scheduled.
    context.delivery.expect(event.delay_id, event.timing.due());
    co_return to_response(store_unavailable());
  }
  if (const auto* too_many = std::get_if<store::TooManyScheduled>(&*answer)) {
    ++context.too_many_scheduled;
    const Milliseconds wait = too_many->next_send - context.clock.now();
    co_return to_response(too_many_scheduled(std::max(wait, Milliseconds(1))));
  }
  const auto& scheduled = std::get<store::Scheduled>(*answer);
  if (scheduled.created) {
    delivery::log_event(
        log::level::debug, "a delayed event is scheduled", scheduled.delay_id,
        {{"room", event.event.room_id.value}, {"type", event.event.type}, {"delay_ms", event.timing.delay.count()}});
    context.delivery.expect(scheduled.delay_id, event.timing.due());
  }
  co_return scheduled_as(scheduled.delay_id);
}

}  // namespace afterword::api
