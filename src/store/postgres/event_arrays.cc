#include "store/postgres/event_arrays.h"

#include <algorithm>
#include <variant>

namespace afterword::store::postgres {

void ScheduledArrays::add(const domain::DelayId& delay_id, const std::optional<domain::TransactionKey>& transaction,
                          const domain::EventToSend& event, const domain::Timing& timing) {
  delay_ids.add(delay_id);
  transactions.add(transaction);
  users.add(event.user_id);
  devices.add(event.device_id);
  rooms.add(event.room_id);
  kinds.add(static_cast<std::int64_t>(event.kind));
  types.add(event.type);
  state_keys.add(event.state_key);
  redacts.add(event.redacts);
  stickies.add(event.sticky_duration);
  origins.add(event.origin_server_ts);
  sinces.add(timing.delayed_since);
  delays.add(timing.delay);
  contents.add(event.content);
}

void FinalisedArrays::add(const std::optional<domain::Finalised>& finalised) {
  const auto* outcome = finalised ? &finalised->outcome : nullptr;
  const auto* event_id = std::get_if<domain::EventId>(outcome);
  const auto* error = std::get_if<domain::HomeserverError>(outcome);
  tss.add(finalised ? std::optional(finalised->finalised_ts) : std::nullopt);
  event_ids.add(event_id != nullptr ? std::optional(*event_id) : std::nullopt);
  error_statuses.add(error != nullptr ? std::optional(std::int64_t{error->status}) : std::nullopt);
  error_bodies.add(error != nullptr ? std::optional(error->body) : std::nullopt);
}

void mark_to_prune(Connection& connection, std::vector<std::string> users) {
  static const Statement mark{"mark_users",
                              "INSERT INTO users_to_prune (user_id) SELECT user_id FROM unnest($1::bytea[]) AS user_id"
                              " ON CONFLICT DO NOTHING"};
  // In the order of their keys, as all that is locked.
  std::sort(users.begin(), users.end());
  connection.send(mark, Parameters(array_of(ArrayOf::bytes, users)));
}

}  // namespace afterword::store::postgres
