#include "store/postgres/adoption.h"

#include "store/postgres/in_doubt.h"

#include <cstdint>
#include <utility>

namespace afterword::store::postgres {
namespace {

constexpr std::int64_t adopted_rows = 2'000;

const Statement end_leases{
    "end_leases",
    "UPDATE instances SET ended = true WHERE instance IN (SELECT instance FROM instances"
    "   WHERE $2::bool AND NOT ended AND lease_until <= clock_timestamp() AND instance <> $1::int8"
    "   FOR UPDATE SKIP LOCKED)"};
// No transaction that could still name such an instance lasts so long.
const Statement forget_instances{
    "forget_instances",
    "DELETE FROM instances WHERE instance IN (SELECT instance FROM instances AS i"
    "   WHERE ended AND lease_until < clock_timestamp() - interval '1 hour' AND instance <> 0"
    "   AND NOT EXISTS (SELECT FROM active WHERE owner = i.instance)"
    "   AND NOT EXISTS (SELECT FROM active WHERE sender = i.instance AND state = 1)"
    "   FOR UPDATE SKIP LOCKED)"};
const Statement is_any{
    "adopt_any",
    "SELECT EXISTS (SELECT FROM instances AS i JOIN active AS a ON a.owner = i.instance WHERE i.ended AND a.state = 0)"
    " OR EXISTS (SELECT FROM instances AS i JOIN active AS a ON a.sender = i.instance WHERE i.ended AND a.state = 1)"};

// As domain::may_adopt decides, to which sql_decisions_test holds it.
const Statement choose{
    "adopt_choose",
    "WITH scheduled AS MATERIALIZED (SELECT a.delay_id FROM instances AS i JOIN active AS a ON a.owner = i.instance"
    "   WHERE i.ended AND a.state = 0 LIMIT $1::int8 FOR UPDATE OF a SKIP LOCKED),"
    " sending AS MATERIALIZED (SELECT a.delay_id FROM instances AS i JOIN active AS a ON a.sender = i.instance"
    "   WHERE i.ended AND a.state = 1 LIMIT $1::int8 FOR UPDATE OF a SKIP LOCKED)"
    " SELECT delay_id FROM scheduled UNION ALL SELECT delay_id FROM sending"};
const Statement take_chosen{
    "adopt_take",
    "WITH me AS MATERIALIZED (SELECT instance FROM instances"
    "   WHERE instance = $1::int8 AND NOT ended AND lease_until > clock_timestamp() FOR KEY SHARE)"
    " UPDATE active AS a SET owner = me.instance, sender = CASE a.state WHEN 1 THEN me.instance ELSE 0 END"
    " FROM me WHERE a.delay_id = ANY($2::uuid[])"
    " RETURNING a.delay_id, a.state, a.delayed_since_ts + a.delay_ms"};
const Statement taken{"adopt_taken",
                      "SELECT delay_id, state, delayed_since_ts + delay_ms FROM active WHERE delay_id = ANY($2::uuid[])"
                      " AND CASE state WHEN 1 THEN sender ELSE owner END = $1::int8"};

std::vector<Adopted> read_active(const Rows& rows) {
  std::vector<Adopted> found;
  found.reserve(static_cast<std::size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) {
    found.push_back({rows.delay_id(i, 0), rows.enumerator(i, 1, domain::State::sending), rows.timestamp(i, 2)});
  }
  return found;
}

}  // namespace

std::vector<Adopted> Adoption::operator()(Session& session, InstanceId instance, bool judging) {
  Connection& connection = session.connection();
  if (doubt_) {
    auto found = settle(connection, instance);
    if (!found.empty()) return found;
  }
  connection.send(end_leases, Parameters(instance, judging));
  connection.send(forget_instances);
  const auto any = connection.send(is_any);
  if (!connection.run()[any].boolean(0, 0)) return {};
  return take(session, instance);
}

std::vector<Adopted> Adoption::settle(Connection& connection, InstanceId instance) {
  end_connection(connection, doubt_->connection);
  const auto doubt = *std::exchange(doubt_, std::nullopt);
  if (doubt.instance != instance) return {};  // others take it by now
  return read_active(connection.run(taken, Parameters(instance, array_of(ArrayOf::uuids, doubt.delay_ids))));
}

std::vector<Adopted> Adoption::take(Session& session, InstanceId instance) {
  Connection& connection = session.connection();
  connection.send(begin_transaction);
  const auto chosen_place = connection.send(choose, Parameters(adopted_rows));
  const Rows chosen = std::move(connection.run()[chosen_place]);
  std::vector<DelayId> delay_ids;
  delay_ids.reserve(static_cast<std::size_t>(chosen.size()));
  for (int i = 0; i < chosen.size(); ++i) delay_ids.push_back(chosen.delay_id(i, 0));

  const auto taken_place = connection.send(take_chosen, Parameters(instance, array_of(ArrayOf::uuids, delay_ids)));
  connection.send(commit_transaction);
  try {
    return read_active(connection.run()[taken_place]);
  } catch (const Error& error) {
    if (error.kind() == Error::Kind::lost) doubt_ = Doubt{session.name(), instance, std::move(delay_ids)};
    throw;
  }
}

}  // namespace afterword::store::postgres
