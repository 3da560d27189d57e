#include "store/postgres/postgres_store.h"

#include "base/log.h"
#include "store/postgres/adoption.h"
#include "store/postgres/changes.h"
#include "store/postgres/explain.h"
#include "store/postgres/queries.h"
#include "store/postgres/schema.h"
#include "store/postgres/time_scale.h"

#include <fmt/format.h>

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

  ServerTime keep_time(Connection& connection, const MachineTime& machine,
                       std::chrono::steady_clock::time_point asked) {
    return time_scale_.keep(connection, machine, asked);
  }

  struct Adopted {
    InstanceId instance = nobody;
    std::vector<Active> events;
  };
  Adopted adopt() {
    const auto instance = lease_.instance();
    return {instance, adoption_(session_, instance, lease_.may_judge_others())};
  }

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
    Connection& connection = session_.connection();
    time_scale_.look_again(connection, session_.name());
    query.perform(connection);
  } catch (const Error& error) {
    session_.note(error);
    query.fail(error.what());
  } catch (const std::exception& error) {
    session_.close();  // in whatever state it is
    query.fail(error.what());
  }

  Session session_;
  Lease& lease_;
  TimeScale time_scale_;
  Adoption adoption_;
  bool closed_ = false;
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
    const auto asked = std::chrono::steady_clock::now();
    return query<ServerTime>([this, machine = std::move(machine), asked](Connection& connection) {
      return queries_.keep_time(connection, machine, asked);
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
    // It is asked for now and then, also when nothing else happens: so no doubt stays for long.
    Settle doubts;
    co_await change_commits_.submit(doubts);
    auto verb = [this](Connection&) { return queries_.adopt(); };
    auto adopted = co_await query<Queries::Adopted>(std::move(verb));
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
  GroupCommit change_commits_;                        // last, so that their threads end first
  GroupCommit query_commits_;
};

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
  if (!target) return std::string(unreadable_url);
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
