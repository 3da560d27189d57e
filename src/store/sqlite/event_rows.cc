#include "store/sqlite/event_rows.h"

#include <algorithm>
#include <stdexcept>

namespace afterword::store::sqlite {
namespace {

using domain::State;

domain::Outcome read_outcome(const Rows& rows, State state) {
  switch (state) {
    case State::sent:
      return domain::EventId(rows.text(17));
    case State::failed:
      return domain::HomeserverError{static_cast<int>(rows.integer(18)), rows.text(19)};
    case State::cancelled:
      return domain::Cancelled{};
    case State::scheduled:
    case State::sending:
      break;
  }
  throw std::logic_error("an event that is not finalised has no outcome");
}

}  // namespace

domain::DelayedEvent read_event(const Rows& rows) {
  domain::DelayedEvent event;
  event.delay_id = to_delay_id(rows.blob(0));
  event.event.user_id = domain::UserId(rows.text(1));
  if (!rows.is_null(2)) event.event.device_id = domain::DeviceId(rows.text(2));
  event.event.room_id = domain::RoomId(rows.text(3));
  event.event.kind = rows.enumerator(4, domain::EventKind::redaction);
  event.event.type = rows.text(5);
  event.event.state_key = rows.text(6);
  event.event.redacts = domain::EventId(rows.text(7));
  event.event.content = rows.text(8);
  if (!rows.is_null(9)) event.event.sticky_duration = rows.milliseconds(9);
  if (!rows.is_null(10)) event.event.origin_server_ts = rows.wall_time(10);
  event.timing = {rows.timestamp(11), rows.milliseconds(12)};
  event.state = rows.enumerator(13, State::cancelled);
  if (event.state == State::sending) event.attempt = domain::Attempt{rows.wall_time(14), rows.integer(15) != 0};
  if (domain::is_finalised(event.state)) {
    event.finalised = domain::Finalised{rows.timestamp(16), read_outcome(rows, event.state)};
  }
  return event;
}

domain::DelayId to_delay_id(Blob bytes) {
  domain::DelayId::Bytes copy{};
  if (bytes.size() != copy.size()) throw Error::damage("a row holds no delay_id");
  std::ranges::copy(bytes, copy.begin());
  return domain::DelayId(copy);
}

}  // namespace afterword::store::sqlite
