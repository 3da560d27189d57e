#include "store/postgres/postgres_store.h"

#include "base/log.h"
#include "store/postgres/changes.h"
#include "store/postgres/queries.h"
#include "store/postgres/schema.h"

#include <fmt/format.h>

#include <array>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace afterword::store::postgres {
namespace {

// A verb that runs by itself.
class Query : public Operation {
 public:
  virtual void perform(Connection& connection) = 0;
  virtual bool closes() const { return false; }
};

template <class Answer, class Verb>
class QueryOf final : public Query {
 public:
  explicit QueryOf(Verb verb) : verb_(std::move(verb)) {}

  void perform(Connection& connection) override { answer_.emplace(verb_(connection)); }
  void fail(const std::string& reason) override { answer_.emplace(Unavailable{reason}); }
  StoreResult<Answer> take_answer() { return *std::move(answer_); }

 private:
  Verb verb_;
  std::optional<StoreResult<Answer>> answer_;
};

// The last one.
class CloseQueries final : public Query {
 public:
  void perform(Connection&) override {}
  void fail(const std::string&) override {}
  bool closes() const override { return true; }
};

// Performs batches of queries, one after the other.
class Queries {
 public:
  Queries(const Target& target, Lease& lease) : session_(target, "queries"), lease_(lease) {}

  void perform(std::span<Operation* const> batch) {
    for (Operation* operation : batch) perform(*static_cast<Query*>(operation));
  }

 private:
  void perform(Query& query) try {
    if (closed_) return query.fail("the store is closed");
    if (query.closes()) {
      closed_ = true;
      session_.close();
      return lease_.give_up();
    }
    query.perform(session_.connection());
  } catch (const Error& error) {
    session_.note(error);
    query.fail(error.what());
  } catch (const std::exception& error) {
    session_.close();  // in whatever state it is
    query.fail(error.what());
  }

  Session session_;
  Lease& lease_;
  bool closed_ = false;
};

// Server time, which the instances have in common: the database's clock as it was when this one started, and from then
// on the machine's own, which nobody sets. What others are to start from is kept in the database, so that setting its
// clock moves nobody's.
class TimeScale {
 public:
  // `called`: when `machine` was read.
  ServerTime operator()(Connection& connection, const MachineTime& machine,
                        std::chrono::steady_clock::time_point called) {
    static const Statement read{"read_time",
                                "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8, offset_ms, latest_ts"
                                " FROM server_time"};
    static const Statement write{
        "write_time", "UPDATE server_time SET offset_ms = $1::int8, latest_ts = greatest(latest_ts, $2::int8)"};
    const auto rows = connection.run(read);
    const auto since = std::chrono::ceil<Milliseconds>(std::chrono::steady_clock::now() - called);
    const Timestamp database = rows.timestamp(0, 0) - since;
    Milliseconds offset = rows.milliseconds(0, 1);
    if (!at_boot_) at_boot_ = std::max(database + offset, rows.timestamp(0, 2)) - machine.since_boot;
    const Timestamp now = *at_boot_ + machine.since_boot;
    const Milliseconds apart = now - (database + offset);
    if (std::chrono::abs(apart) > noticeable) offset += apart;
    connection.run(write, Parameters(offset, now));
    return {*at_boot_, machine.wall - now};
  }

 private:
  static constexpr Milliseconds noticeable{1000};

  std::optional<Timestamp> at_boot_;
};

// Takes over what has no living instance.
struct Adopted {
  InstanceId instance = nobody;
  std::vector<Active> events;
};
class Adoption {
 public:
  Adopted operator()(Connection& connection, InstanceId instance) {
    // Whose outcome is not known: this instance may have more than it was told.
    const bool in_doubt = std::exchange(in_doubt_, instance) == instance;
    auto events = in_doubt ? postgres::owned(connection, instance) : postgres::adopt(connection, instance);
    in_doubt_ = nobody;
    return {instance, std::move(events)};
  }

 private:
  InstanceId in_doubt_ = nobody;
};

class PostgresStore final : public Store {
 public:
  PostgresStore(async::Executor executor, const Target& target, std::unique_ptr<Lease> lease)
      : lease_(std::move(lease)),
        changes_(target, *lease_),
        queries_(target, *lease_),
        change_commits_(executor, CommitOn::own_thread, [this](auto batch) { changes_.commit(batch); }),
        query_commits_(executor, CommitOn::own_thread, [this](auto batch) { queries_.perform(batch); }) {}

  Task<StoreResult<ServerTime>> keep_time(MachineTime machine) override {
    const auto called = std::chrono::steady_clock::now();
    return query<ServerTime>([this, machine = std::move(machine), called](Connection& connection) {
      return time_scale_(connection, machine, called);
    });
  }

  Task<StoreResult<std::optional<DelayId>>> find_transaction(const domain::TransactionKey& transaction) override {
    return query<std::optional<DelayId>>(
        [&transaction](Connection& connection) { return postgres::find_transaction(connection, transaction); });
  }

  Task<StoreResult<ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                             std::optional<std::uint32_t> max_scheduled) override {
    Schedule step(event, max_scheduled);
    co_await change_commits_.submit(step);
    co_return step.take_answer();
  }

  Task<StoreResult<ActionAnswer>> restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override {
    Restart step(delay_id, std::move(caller), now);
    co_await change_commits_.submit(step);
    co_return step.take_answer();
  }

  Task<StoreResult<ActionAnswer>> cancel(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override {
    Cancel step(delay_id, std::move(caller), now);
    co_await change_commits_.submit(step);
    co_return step.take_answer();
  }

  Task<StoreResult<std::uint64_t>> cancel_all(UserId user_id, Timestamp now) override {
    CancelAll step(std::move(user_id), now);
    co_await change_commits_.submit(step);
    co_return step.take_answer();
  }

  Task<StoreResult<ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                       Timestamp now) override {
    Claim step(delay_id, std::move(caller), attempt, now);
    co_await change_commits_.submit(step);
    auto answer = step.take_answer();
    if (answer && std::holds_alternative<domain::DelayedEvent>(*answer)) attempts_[delay_id] = step.claimed_by();
    co_return answer;
  }

  Task<StoreResult<void>> release(DelayId delay_id) override {
    Release step(delay_id);
    co_await change_commits_.submit(step);
    auto answer = step.take_answer();
    if (answer) attempts_.erase(delay_id);
    co_return answer;
  }

  Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) override {
    Finalise step(delay_id, std::move(finalised));
    co_await change_commits_.submit(step);
    auto answer = step.take_answer();
    if (answer) attempts_.erase(delay_id);
    co_return answer;
  }

  Task<StoreResult<std::vector<Look>>> look(std::vector<DelayId> delay_ids) override {
    return query<std::vector<Look>>([this, delay_ids = std::move(delay_ids)](Connection& connection) {
      return postgres::look(connection, delay_ids, lease_->instance());
    });
  }

  Task<StoreResult<std::vector<Active>>> adopt() override {
    auto verb = [this](Connection& connection) { return adoption_(connection, lease_->instance()); };
    auto adopted = co_await query<Adopted>(std::move(verb));
    if (!adopted) co_return adopted.error();
    std::erase_if(attempts_, [&](const auto& attempt) { return attempt.second != adopted->instance; });
    for (const Active& event : adopted->events) {
      if (event.state == domain::State::sending) attempts_[event.delay_id] = adopted->instance;
    }
    co_return std::move(adopted->events);
  }

  bool may_send(const DelayId& delay_id) const override {
    const auto attempt = attempts_.find(delay_id);
    return attempt != attempts_.end() && lease_->is_safe(attempt->second);
  }

  Task<StoreResult<std::optional<domain::DelayedEvent>>> look_up(DelayId delay_id,
                                                                 std::optional<UserId> caller) override {
    return query<std::optional<domain::DelayedEvent>>([delay_id, caller = std::move(caller)](Connection& connection) {
      return postgres::look_up(connection, delay_id, caller);
    });
  }

  Task<StoreResult<ListPage>> list(UserId user_id, ListQuery list_query) override {
    return query<ListPage>([user_id = std::move(user_id), list_query = std::move(list_query)](Connection& connection) {
      return postgres::list(connection, user_id, list_query);
    });
  }

  Task<StoreResult<bool>> has_sent(UserId user_id) override {
    return query<bool>(
        [user_id = std::move(user_id)](Connection& connection) { return postgres::has_sent(connection, user_id); });
  }

  Task<StoreResult<std::vector<SentEvent>>> find_sent(UserId user_id, std::vector<domain::EventId> event_ids) override {
    return query<std::vector<SentEvent>>(
        [user_id = std::move(user_id), event_ids = std::move(event_ids)](Connection& connection) {
          return postgres::find_sent(connection, user_id, event_ids);
        });
  }

  Task<StoreResult<bool>> prune(domain::Retention retention, Timestamp now) override {
    return query<bool>(
        [retention, now](Connection& connection) { return postgres::prune(connection, retention, now); });
  }

  Task<void> close() override {
    Close changes;
    co_await change_commits_.submit(changes);
    CloseQueries queries;
    co_await query_commits_.submit(queries);
  }

 private:
  template <class Answer, class Verb>
  Task<StoreResult<Answer>> query(Verb verb) {
    QueryOf<Answer, Verb> step(std::move(verb));
    co_await query_commits_.submit(step);
    co_return step.take_answer();
  }

  std::unique_ptr<Lease> lease_;
  std::unordered_map<DelayId, InstanceId> attempts_;  // that are ours, and since which of our lives; the executor's
  Changes changes_;                                   // its thread's
  Queries queries_;                                   // its thread's
  TimeScale time_scale_;                              // the queries' thread's
  Adoption adoption_;                                 // the queries' thread's
  GroupCommit change_commits_;                        // last, so that their threads end first
  GroupCommit query_commits_;
};

// What the server says and what mends it. It may say it in another language; then it speaks for itself.
std::string explain(const Target& target, std::string_view said) {
  struct Known {
    std::string_view part;
    std::string_view mend;
  };
  constexpr std::array known{
      Known{"password authentication failed", "correct the user or the password in the URL"},
      Known{"no password supplied", "put the password into the URL, or into a password file of libpq's"},
      Known{"no pg_hba.conf entry", "allow it in the server's pg_hba.conf"},
      Known{"Connection refused", "start the server, or correct the host and port in the URL"},
      Known{"No such file or directory", "start the server, or correct the host and port in the URL"},
      Known{"could not translate host name", "correct the host in the URL"},
      Known{"timeout expired", "see that the server can be reached"},
      Known{"permission denied", "let the URL's user own the database, or create schemas in it"},
      Known{"session is read-only", "name the primary, not a standby"},
      Known{"too many", "raise the server's max_connections: each instance takes three"},
  };
  for (const auto& [part, mend] : known) {
    if (said.find(part) != std::string_view::npos) return fmt::format("{}: {}; {}", target.shown(), said, mend);
  }
  if (said.find("database \"") != std::string_view::npos && said.find("does not exist") != std::string_view::npos) {
    return fmt::format("{}: {}; make it: createdb --owner USER DATABASE", target.shown(), said);
  }
  return fmt::format("{}: {}", target.shown(), said);
}

// What the operator may have chosen, and should know of.
void warn_of_settings(Connection& connection, const Target& target) {
  static const Statement settings{
      "settings", "SELECT current_setting('synchronous_commit') = 'off', current_setting('fsync') = 'off'"};
  const auto rows = connection.run(settings);
  for (int column = 0; column < 2; ++column) {
    if (!rows.boolean(0, column)) continue;
    log::warn("{}: {} is off: a crash of the server may lose what was acknowledged", target.shown(),
              column == 0 ? "synchronous_commit" : "fsync");
  }
}

}  // namespace

Result<std::unique_ptr<Store>, std::string> open(async::Executor executor, Options options) {
  const auto target = Target::parse(options.url);
  if (!target) {
    return std::string(
        "the URL cannot be read; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and what is special in a"
        " password percent-encoded, as %40 for @");
  }
  try {
    {
      Connection connection(*target, "afterword start");
      const auto migrated = migrate(connection);
      if (!migrated) return target->shown() + ": " + migrated.error();
      warn_of_settings(connection, *target);
    }
    auto lease = std::make_unique<Lease>(*target, std::move(options.lease));
    return std::unique_ptr<Store>(std::make_unique<PostgresStore>(std::move(executor), *target, std::move(lease)));
  } catch (const Error& error) {
    return explain(*target, error.what());
  }
}

}  // namespace afterword::store::postgres
