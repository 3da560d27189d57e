#include "store/postgres/event_rows.h"

#include <stdexcept>

namespace afterword::store::postgres {
namespace {

using domain::State;

domain::Outcome read_outcome(const Rows& rows, int row, State state) {
  switch (state) {
    case State::sent:
      return domain::EventId(rows.text(row, 17));
    case State::failed:
      return domain::HomeserverError{static_cast<int>(rows.integer(row, 18)), rows.text(row, 19)};
    case State::cancelled:
      return domain::Cancelled{};
    case State::scheduled:
    case State::sending:
      break;
  }
  throw std::logic_error("an event that is not finalised has no outcome");
}

}  // namespace

domain::DelayedEvent read_event(const Rows& rows, int row) {
  domain::DelayedEvent event;
  event.delay_id = rows.delay_id(row, 0);
  event.event.user_id = domain::UserId(rows.text(row, 1));
  if (!rows.is_null(row, 2)) event.event.device_id = domain::DeviceId(rows.text(row, 2));
  event.event.room_id = domain::RoomId(rows.text(row, 3));
  event.event.kind = rows.enumerator(row, 4, domain::EventKind::redaction);
  event.event.type = rows.text(row, 5);
  event.event.state_key = rows.text(row, 6);
  event.event.redacts = domain::EventId(rows.text(row, 7));
  event.event.content = rows.text(row, 8);
  if (!rows.is_null(row, 9)) event.event.sticky_duration = rows.milliseconds(row, 9);
  if (!rows.is_null(row, 10)) event.event.origin_server_ts = rows.wall_time(row, 10);
  event.timing = {rows.timestamp(row, 11), rows.milliseconds(row, 12)};
  event.state = rows.enumerator(row, 13, State::cancelled);
  if (event.state == State::sending) event.attempt = domain::Attempt{rows.wall_time(row, 14), rows.boolean(row, 15)};
  if (domain::is_finalised(event.state)) {
    event.finalised = domain::Finalised{rows.timestamp(row, 16), read_outcome(rows, row, event.state)};
  }
  return event;
}

}  // namespace afterword::store::postgres
