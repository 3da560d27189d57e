#include "store/postgres/postgres_store.h"

#include "base/log.h"
#include "store/postgres/adoption.h"
#include "store/postgres/changes.h"
#include "store/postgres/queries.h"
#include "store/postgres/query_runner.h"
#include "store/postgres/schema.h"
#include "store/postgres/target.h"
#include "store/postgres/time_scale.h"

#include <fmt/format.h>

#include <functional>
#include <unordered_map>
#include <utility>

namespace afterword::store::postgres {
namespace {

class PostgresStore final : public Store {
 public:
  PostgresStore(async::Executor executor, const Target& target, std::unique_ptr<Lease> lease)
      : lease_(std::move(lease)),
        changes_(target, *lease_),
        change_commits_(executor, CommitOn::own_thread, [this](auto batch) { changes_.commit(batch); }),
        queries_(executor, target, "queries"),
        delivery_queries_(executor, target, "delivery",
                          [this](Session& session) { time_scale_.look_again(session.connection(), session.name()); }) {}

  Task<StoreResult<ServerTime>> save_time(MachineTime machine) override {
    const auto asked = std::chrono::steady_clock::now();
    auto keep = [this, machine = std::move(machine), asked](Session& session) {
      return time_scale_.keep(session.connection(), machine, asked);
    };
    return delivery_queries_.perform<ServerTime>(std::move(keep));
  }

  Task<StoreResult<void>> try_to_write() override {
    // Behind the changes of others, which must not be stuck.
    Settle changes;
    co_await change_commits_.submit(changes);
    const auto settled = changes.take_answer();
    if (!settled) co_return settled.error();
    auto touch = [this](Session& session) { lease_->touch(session.connection()); };
    co_return co_await delivery_queries_.perform<void>(std::move(touch));
  }

  Figures figures() const override {
    Figures figures;
    figures.commits = change_commits_.figures();
    figures.failed_commits = changes_.failed_commits();
    figures.lease = lease_->figures();
    return figures;
  }

  Task<StoreResult<std::optional<DelayId>>> find_transaction(const domain::TransactionKey& transaction) override {
    return queries_.ask(postgres::find_transaction(transaction));
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

  Task<StoreResult<std::vector<ActiveEvent>>> find_active(std::vector<DelayId> delay_ids) override {
    return delivery_queries_.ask(postgres::find_active(delay_ids, lease_->instance()));
  }

  Task<StoreResult<std::vector<Adopted>>> adopt() override {
    // It is asked for now and then, also when nothing else happens: so no doubt stays for long.
    Settle doubts;
    co_await change_commits_.submit(doubts);
    struct TakenOver {
      InstanceId instance = nobody;
      std::vector<Adopted> events;
    };
    auto adopt = [this](Session& session) {
      const auto instance = lease_->instance();
      return TakenOver{instance, adoption_(session, instance, lease_->may_judge_others())};
    };
    auto adopted = co_await delivery_queries_.perform<TakenOver>(std::move(adopt));
    if (!adopted) co_return adopted.error();
    std::erase_if(attempts_, [&](const auto& attempt) { return attempt.second != adopted->instance; });
    for (const Adopted& event : adopted->events) {
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
    return delivery_queries_.ask(postgres::look_up(delay_id, caller));
  }

  Task<StoreResult<ListPage>> list(UserId user_id, ListQuery query) override {
    return queries_.ask(postgres::list(user_id, query));
  }

  Task<StoreResult<std::vector<SentEvent>>> find_sent(UserId user_id, std::vector<domain::EventId> event_ids) override {
    return delivery_queries_.ask(postgres::find_sent(user_id, event_ids));
  }

  Task<StoreResult<std::vector<SentEvent>>> list_sent(UserId user_id, std::uint32_t limit) override {
    return queries_.ask(postgres::list_sent(user_id, limit));
  }

  Task<StoreResult<std::vector<OutcomePosition>>> list_outcomes(UserId user_id, Timestamp from,
                                                                std::uint32_t limit) override {
    return queries_.ask(postgres::list_outcomes(user_id, from, limit));
  }

  Task<StoreResult<bool>> prune(domain::Retention retention, Timestamp now) override {
    auto prune = [retention, now](Session& session) { return postgres::prune(session.connection(), retention, now); };
    return queries_.perform<bool>(std::move(prune));
  }

  Task<StoreResult<ListPage>> list_room(domain::RoomId room_id, std::optional<ListPosition> after,
                                        std::uint32_t limit) override {
    return queries_.ask(postgres::list_room(room_id, after, limit));
  }

  Task<StoreResult<ListPage>> list_failed(std::optional<OutcomePosition> after, std::uint32_t limit) override {
    return queries_.ask(postgres::list_failed(after, limit));
  }

  Task<void> close() override {
    Close changes;
    co_await change_commits_.submit(changes);
    std::function<void()> nothing;
    co_await queries_.close(std::move(nothing));
    std::function<void()> give_up = [this] { lease_->give_up(); };
    co_await delivery_queries_.close(std::move(give_up));
  }

 private:
  std::unique_ptr<Lease> lease_;
  // Our attempts, each with the instance that we were when it began. The executor's.
  std::unordered_map<DelayId, InstanceId> attempts_;
  Changes changes_;       // its thread's
  TimeScale time_scale_;  // of delivery_queries_
  Adoption adoption_;     // of delivery_queries_
  // Last, so that their threads end first.
  GroupCommit change_commits_;
  QueryRunner queries_;
  // What delivery waits for: never behind somebody's list. Clients look events up here too, which is as quick.
  QueryRunner delivery_queries_;
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
