#include "store/postgres/transaction.h"

#include "store/postgres/event_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace afterword::store::postgres {
namespace {

using domain::State;

// Advisory locks, so that two instances do not both find room for a user's last event, or do a transaction twice.
const Statement lock_users{"lock_users",
                           "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT"
                           " hashtextextended(encode(user_id, 'hex'), 4140) AS key"
                           " FROM unnest($1::bytea[]) AS user_id ORDER BY key) AS keys"};

// Its row cannot be removed before this transaction has ended.
const Statement lease_of{"lease",
                         "SELECT NOT ended AND lease_until > clock_timestamp() FROM instances"
                         " WHERE instance = $1::int8 FOR KEY SHARE"};

constexpr std::string_view row_columns =
    "delay_id, user_id, delayed_since_ts, delay_ms, state, owner, sender, attempt_ts, attempt_on_request";
const Statement lock_rows{
    "lock_rows",
    fmt::format("SELECT {} FROM active WHERE delay_id = ANY($1::uuid[]) ORDER BY delay_id FOR UPDATE", row_columns)};
const Statement lock_rows_and_users{
    "lock_rows_and_users",
    fmt::format("SELECT {} FROM active WHERE delay_id = ANY($1::uuid[]) OR user_id = ANY($2::bytea[])"
                " ORDER BY delay_id FOR UPDATE",
                row_columns)};

// Those that wait for another instance's event of their room: one whose timer or whose attempt is another's, and which
// goes before them (domain::goes_before). The other owners are written as two ranges of the rooms' index: that of the
// instances would lead through all that the others have.
const std::string is_earlier = fmt::format(
    "(o.delayed_since_ts + o.delay_ms, o.delay_id) < (mine.delayed_since_ts + mine.delay_ms, mine.delay_id)"
    " AND o.delayed_since_ts + o.delay_ms"
    " > (SELECT offset_ms FROM server_time) + extract(epoch FROM clock_timestamp()) * 1000 - {}",
    domain::longest_hold.count());
const Statement behind{"behind",
                       fmt::format("SELECT mine.delay_id FROM active AS mine WHERE mine.delay_id = ANY($1::uuid[])"
                                   " AND (EXISTS (SELECT FROM active AS o WHERE o.room_id = mine.room_id"
                                   "   AND (o.room_id, o.owner) < (mine.room_id, $2::int8) AND {0})"
                                   " OR EXISTS (SELECT FROM active AS o WHERE o.room_id = mine.room_id"
                                   "   AND (o.room_id, o.owner) > (mine.room_id, $2::int8) AND {0})"
                                   " OR EXISTS (SELECT FROM active AS o WHERE o.room_id = mine.room_id AND o.state = 1"
                                   "   AND o.sender <> $2::int8 AND {0}))",
                                   is_earlier)};

const Statement known_transactions{
    "known_transactions", "SELECT transaction_key, delay_id FROM events WHERE transaction_key = ANY($1::bytea[])"};
const Statement count_of_users{
    "count_of_users",
    "SELECT user_id, count(*), min(delayed_since_ts + delay_ms) FROM active WHERE user_id = ANY($1::bytea[])"
    " GROUP BY user_id"};

const Statement write_rows{
    "write_rows",
    "UPDATE active AS a SET delayed_since_ts = w.since, state = w.state, owner = w.owner, sender = w.sender,"
    " attempt_ts = w.attempt_ts, attempt_on_request = w.on_request"
    " FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::bool[])"
    " AS w (delay_id, since, state, owner, sender, attempt_ts, on_request) WHERE a.delay_id = w.delay_id"};

const Statement remove_rows{"remove_rows", "DELETE FROM active WHERE delay_id = ANY($1::uuid[])"};
const Statement finalise_events{
    "finalise_events",
    "UPDATE events AS e SET state = w.state, delayed_since_ts = w.since, finalised_ts = w.finalised_ts,"
    " event_id = w.event_id, error_status = w.error_status, error_body = w.error_body"
    " FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::bytea[], $6::int8[], $7::bytea[])"
    " AS w (delay_id, state, since, finalised_ts, event_id, error_status, error_body) WHERE e.delay_id = w.delay_id"};

const Statement finalised_among{"finalised_among",
                                "SELECT delay_id, user_id, state, delayed_since_ts, delay_ms FROM events"
                                " WHERE delay_id = ANY($1::uuid[]) AND state >= 2"};
const Statement whole_events{"whole_events",
                             fmt::format("SELECT {} FROM events AS e JOIN active AS a ON a.delay_id = e.delay_id"
                                         " WHERE e.delay_id = ANY($1::uuid[])",
                                         all_columns())};

}  // namespace

void Transaction::read() {
  using Place = std::optional<std::size_t>;  // of a statement's rows; nothing: it was not sent
  connection_.send(begin_transaction);

  std::vector<UserId> scheduling;
  Array transaction_keys(ArrayOf::bytes);
  Array limited(ArrayOf::bytes);  // to be counted: a user without a limit may have very many
  for (const auto* schedule : batch_.schedules) {
    scheduling.push_back(schedule->event().event.user_id);
    if (schedule->max_scheduled()) limited.add(schedule->event().event.user_id);
    if (schedule->event().transaction) transaction_keys.add(*schedule->event().transaction);
  }
  if (!scheduling.empty()) connection_.send(lock_users, Parameters(array_of(ArrayOf::bytes, scheduling)));
  Place lease_place;
  if (needs_lease()) lease_place = connection_.send(lease_of, Parameters(instance_));

  std::vector<DelayId> ids;
  ids.reserve(batch_.restarts.size() + batch_.others.size());
  for (const auto* restart : batch_.restarts) ids.push_back(restart->delay_id());
  for (const auto* change : batch_.others) ids.push_back(change->delay_id());
  Place rows_place;
  if (!batch_.cancel_alls.empty()) {
    Array users(ArrayOf::bytes);
    for (const auto* cancel_all : batch_.cancel_alls) users.add(cancel_all->user_id());
    rows_place = connection_.send(lock_rows_and_users, Parameters(array_of(ArrayOf::uuids, ids), users));
  } else if (!ids.empty()) {
    rows_place = connection_.send(lock_rows, Parameters(array_of(ArrayOf::uuids, ids)));
  }

  Array by_time(ArrayOf::uuids);
  for (const auto* claim : batch_.claims) {
    if (claim->by_time()) by_time.add(claim->delay_id());
  }
  Place behind_place;
  if (!by_time.empty()) behind_place = connection_.send(behind, Parameters(by_time, instance_));
  Place users_place;
  if (!limited.empty()) users_place = connection_.send(count_of_users, Parameters(limited));
  Place transactions_place;
  if (!transaction_keys.empty())
    transactions_place = connection_.send(known_transactions, Parameters(transaction_keys));
  const auto results = connection_.run();

  if (lease_place) {
    const auto& lease = results[*lease_place];
    deciding_.lease_valid = !lease.empty() && lease.boolean(0, 0);
  }
  if (rows_place) {
    const auto& rows = results[*rows_place];
    for (int i = 0; i < rows.size(); ++i) {
      ActiveRow row;
      row.user_id = UserId(rows.text(i, 1));
      row.timing = {rows.timestamp(i, 2), rows.milliseconds(i, 3)};
      row.state = rows.enumerator(i, 4, State::sending);
      row.owner = rows.integer(i, 5);
      row.sender = rows.integer(i, 6);
      if (row.state == State::sending) row.attempt = domain::Attempt{rows.wall_time(i, 7), rows.boolean(i, 8)};
      rows_.emplace(rows.delay_id(i, 0), std::move(row));
    }
  }
  if (behind_place) {
    const auto& rows = results[*behind_place];
    for (int i = 0; i < rows.size(); ++i) {
      if (auto* row = find(rows.delay_id(i, 0))) row->behind = true;
    }
  }
  if (users_place) {
    const auto& rows = results[*users_place];
    for (int i = 0; i < rows.size(); ++i) users_[rows.text(i, 0)] = {rows.integer(i, 1), rows.timestamp(i, 2)};
  }
  if (transactions_place) {
    const auto& rows = results[*transactions_place];
    for (int i = 0; i < rows.size(); ++i) transactions_.emplace(rows.text(i, 0), rows.delay_id(i, 1));
  }
}

void Transaction::decide() {
  decide_schedules();
  const auto decide_one = [this](RowChange& change) {
    change.decide(find(change.delay_id()), deciding_);
    note_not_active(change);
  };
  for (auto* restart : batch_.restarts) decide_one(*restart);
  for (auto* change : batch_.others) decide_one(*change);
  for (auto* cancel_all : batch_.cancel_alls) cancel_all->decide(rows_);
}

void Transaction::decide_schedules() {
  for (auto* schedule : batch_.schedules) {
    const auto& event = schedule->event();
    std::string key;
    if (event.transaction) {
      key = *to_element(*event.transaction);
      const auto known = transactions_.find(key);
      if (known != transactions_.end()) {
        schedule->decided(Scheduled{known->second, false});
        continue;
      }
    }
    auto& user = users_[event.event.user_id.value];
    if (schedule->max_scheduled() && user.count >= *schedule->max_scheduled()) {
      schedule->decided(TooManyScheduled{user.next});
      continue;
    }
    ++user.count;
    user.next = std::min(user.next, event.timing.due());
    if (event.transaction) transactions_.emplace(key, event.delay_id);
    created_.push_back(schedule);
    schedule->decided(Scheduled{event.delay_id, true});
  }
}

void Transaction::write() {
  write_finalised();
  write_changed();
  write_schedules();
  Array claimed(ArrayOf::uuids);
  std::unordered_map<DelayId, Claim*> claims;
  for (auto* claim : batch_.claims) {
    if (!claim->claimed()) continue;
    claimed.add(claim->delay_id());
    claims.emplace(claim->delay_id(), claim);
  }
  std::optional<std::size_t> claimed_place;
  if (!claimed.empty()) claimed_place = connection_.send(whole_events, Parameters(claimed));
  connection_.send(commit_transaction);
  committing_ = true;
  const auto results = connection_.run();
  if (!claimed_place) return;
  const auto& events = results[*claimed_place];
  for (int i = 0; i < events.size(); ++i) {
    auto event = read_event(events.at(i));
    auto* const claim = claims.at(event.delay_id);
    claim->answer_with_event(std::move(event));
  }
}

void Transaction::write_schedules() {
  if (created_.empty()) return;
  EventArrays events;
  for (const auto* schedule : created_) events.add(to_write(schedule->event()));
  // Without a lease the timer is nobody's: whoever looks for such events next takes it.
  events.send(connection_, deciding_.lease_valid ? instance_ : nobody);
}

void Transaction::write_finalised() {
  std::vector<std::string> users;
  Array ids(ArrayOf::uuids);
  Array states(ArrayOf::integers);
  Array sinces(ArrayOf::integers);
  Array finalised_tss(ArrayOf::integers);
  Array event_ids(ArrayOf::bytes);
  Array error_statuses(ArrayOf::integers);
  Array error_bodies(ArrayOf::bytes);
  for (const auto& [delay_id, row] : rows_) {
    if (!row.finalised) continue;
    ids.add(delay_id);
    states.add(static_cast<std::int64_t>(row.standing().state));
    sinces.add(row.timing.delayed_since);
    const OutcomeColumns outcome = to_columns(*row.finalised);
    finalised_tss.add(outcome.finalised_ts);
    event_ids.add(outcome.event_id);
    error_statuses.add(outcome.error_status);
    error_bodies.add(outcome.error_body);
    users.push_back(row.user_id.value);
  }
  if (ids.empty()) return;
  connection_.send(remove_rows, Parameters(ids));
  connection_.send(finalise_events,
                   Parameters(ids, states, sinces, finalised_tss, event_ids, error_statuses, error_bodies));
  mark_to_prune(connection_, std::move(users));
}

void Transaction::write_changed() {
  Array ids(ArrayOf::uuids);
  Array sinces(ArrayOf::integers);
  Array states(ArrayOf::integers);
  Array owners(ArrayOf::integers);
  Array senders(ArrayOf::integers);
  Array attempts(ArrayOf::integers);
  Array on_request(ArrayOf::booleans);
  for (const auto& [delay_id, row] : rows_) {
    if (!row.changed || row.finalised) continue;
    ids.add(delay_id);
    sinces.add(row.timing.delayed_since);
    states.add(static_cast<std::int64_t>(row.state));
    owners.add(row.owner);
    senders.add(row.sender);
    attempts.add(row.attempt ? std::optional(row.attempt->origin_server_ts) : std::nullopt);
    on_request.add(row.attempt ? std::optional(row.attempt->on_request) : std::nullopt);
  }
  if (ids.empty()) return;
  connection_.send(write_rows, Parameters(ids, sinces, states, owners, senders, attempts, on_request));
}

// What is not active may be finalised. After the commit: such an event changes no more.
void Transaction::look_further() try {
  if (not_active_.empty()) return;
  Array ids(ArrayOf::uuids);
  for (const auto* change : not_active_) ids.add(change->delay_id());
  const auto rows = connection_.run(finalised_among, Parameters(ids));
  std::unordered_map<DelayId, Summary> finalised;
  for (int i = 0; i < rows.size(); ++i) {
    const domain::Timing timing{rows.timestamp(i, 3), rows.milliseconds(i, 4)};
    finalised.emplace(rows.delay_id(i, 0),
                      Summary{UserId(rows.text(i, 1)), rows.enumerator(i, 2, domain::last_state), timing});
  }
  for (auto* change : not_active_) {
    const auto found = finalised.find(change->delay_id());
    change->not_active(found == finalised.end() ? nullptr : &found->second);
  }
} catch (const Error& error) {
  throw Error(Error::Kind::lost, error.what());  // the batch is committed, and yet has no answer
}

}  // namespace afterword::store::postgres
