#include "store/postgres/restarts.h"

#include <algorithm>
#include <cstddef>

namespace afterword::store::postgres {
namespace {

// As Restart::decide() does. The rows are locked in the order in which they are given: without hash and merge joins
// (connection.cc) there is no other way than to look one after the other up.
const Statement write{
    "restart",
    "UPDATE active AS a SET delayed_since_ts = greatest(a.delayed_since_ts, w.now_ts)"
    " FROM unnest($1::uuid[], $2::int8[], $3::bytea[]) WITH ORDINALITY AS w (delay_id, now_ts, caller, number)"
    " WHERE a.delay_id = w.delay_id AND a.state = 0 AND (w.caller IS NULL OR w.caller = a.user_id)"
    " RETURNING w.number, a.delayed_since_ts, a.delay_ms"};

}  // namespace

std::vector<Restart*> restart(Connection& connection, std::vector<Restart*> restarts) {
  // Stable: of two for one event, the first that arrived is the one that is written here.
  std::stable_sort(restarts.begin(), restarts.end(),
                   [](const Restart* a, const Restart* b) { return a->delay_id() < b->delay_id(); });
  Array ids(ArrayOf::uuids);
  Array nows(ArrayOf::integers);
  Array callers(ArrayOf::bytes);
  for (const Restart* restart : restarts) {
    ids.add(restart->delay_id());
    nows.add(restart->now());
    callers.add(restart->caller());
  }
  const auto written = connection.run(write, Parameters(ids, nows, callers));
  for (int i = 0; i < written.size(); ++i) {
    Restart*& restart = restarts.at(static_cast<std::size_t>(written.integer(i, 0) - 1));
    restart->performed({written.timestamp(i, 1), written.milliseconds(i, 2)});
    restart = nullptr;
  }
  std::erase(restarts, nullptr);
  return restarts;
}

}  // namespace afterword::store::postgres
