#include "store/postgres/in_doubt.h"

#include <utility>

namespace afterword::store::postgres {

void end_connection(Connection& connection, const std::string& name) {
  static const Statement end{
      "end_connection",
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1::text"};
  const auto ended = connection.run(end, Parameters(name));
  for (int row = 0; row < ended.size(); ++row) {
    if (!ended.boolean(row, 0)) throw Error(Error::Kind::refused, "a connection that was lost has not ended yet");
  }
}

void Doubts::remember(const std::string& connection, InstanceId instance, const Change::Batch& batch) {
  Doubt doubt{connection, instance, {}, {}, {}};
  for (const auto* claim : batch.claims) {
    if (claim->claimed()) doubt.claims.push_back(claim->delay_id());
  }
  for (const auto* schedule : batch.schedules) {
    const auto& event = schedule->event();
    (event.transaction ? doubt.scheduled_transactions : doubt.schedules).push_back(event.delay_id);
  }
  if (!doubt.claims.empty() || !doubt.schedules.empty() || !doubt.scheduled_transactions.empty()) {
    doubts_.push_back(std::move(doubt));
  }
}

void Doubts::settle(Connection& connection) {
  while (!doubts_.empty()) {
    settle(connection, doubts_.back());
    doubts_.pop_back();
  }
}

void Doubts::settle(Connection& connection, const Doubt& doubt) {
  static const Statement lock{"settle_lock",
                              "SELECT FROM active WHERE delay_id = ANY($1::uuid[]) ORDER BY delay_id FOR UPDATE"};
  // As domain::decide_release decides of the sender.
  static const Statement unclaim{"settle_claims",
                                 "UPDATE active SET state = 0, sender = 0, attempt_ts = NULL, attempt_on_request = NULL"
                                 " WHERE delay_id = ANY($1::uuid[]) AND state = 1 AND sender = $2::int8"};
  static const Statement unschedule{"settle_schedules",
                                    "WITH gone AS (DELETE FROM active WHERE delay_id = ANY($1::uuid[]) AND state = 0"
                                    " RETURNING delay_id) DELETE FROM events USING gone"
                                    " WHERE events.delay_id = gone.delay_id"};
  // Their client asks again, and is told of the event; somebody has to have its timer.
  static const Statement disown{
      "settle_transactions",
      "UPDATE active SET owner = 0 WHERE delay_id = ANY($1::uuid[]) AND state = 0 AND owner = $2::int8"};
  end_connection(connection, doubt.connection);
  std::vector<DelayId> all = doubt.claims;
  all.insert(all.end(), doubt.schedules.begin(), doubt.schedules.end());
  all.insert(all.end(), doubt.scheduled_transactions.begin(), doubt.scheduled_transactions.end());
  connection.send(begin_transaction);
  connection.send(lock, Parameters(array_of(ArrayOf::uuids, all)));
  connection.send(unclaim, Parameters(array_of(ArrayOf::uuids, doubt.claims), doubt.instance));
  connection.send(unschedule, Parameters(array_of(ArrayOf::uuids, doubt.schedules)));
  connection.send(disown, Parameters(array_of(ArrayOf::uuids, doubt.scheduled_transactions), doubt.instance));
  connection.send(commit_transaction);
  connection.run();
}

}  // namespace afterword::store::postgres
