#include "store/sqlite/sqlite_store.h"

#include "store/answering.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/transfer_origin.h"

#include <mutex>
#include <optional>
#include <utility>

namespace afterword::store::sqlite {
namespace {

// So that a start takes no more memory than what it leaves.
constexpr std::uint32_t adopted_at_once = 10'000;

template <class Answer, class Verb>
class Step final : public Answering<Engine::Step, Answer> {
 public:
  explicit Step(Verb verb) : verb_(std::move(verb)) {}
  void perform(Engine& engine) override { this->answer_with(verb_, engine); }

 private:
  Verb verb_;
};

// Takes the verbs to the engine and their answers back.
class SqliteStore final : public Store {
 public:
  SqliteStore(async::Executor executor, CommitOn commit_on, std::unique_ptr<Engine> engine)
      : engine_(std::move(engine)),
        commits_(std::move(executor), commit_on, [this](std::span<Operation* const> batch) { commit(batch); }) {
    figures_.held = engine_->held();
  }

  Task<StoreResult<ServerTime>> save_time(MachineTime machine) override {
    auto keep = [machine](Engine& engine) {
      const ServerTime time = engine.server_time(machine);
      engine.keep_server_time();
      return time;
    };
    auto kept = co_await perform<ServerTime>(std::move(keep));
    if (kept) co_return kept;
    // On a full disk we start nevertheless: what passes through goes on.
    auto tell = [machine](Engine& engine) { return engine.server_time(machine); };
    co_return co_await perform<ServerTime>(std::move(tell));
  }

  Task<StoreResult<void>> try_to_write() override {
    return perform<void>([](Engine& engine) { engine.try_to_write(); });
  }

  Figures figures() const override {
    const std::lock_guard lock(figures_mutex_);
    Figures figures = figures_;
    figures.commits = commits_.figures();
    return figures;
  }

  Task<StoreResult<std::optional<DelayId>>> find_transaction(const domain::TransactionKey& transaction) override {
    return perform<std::optional<DelayId>>(
        [&transaction](Engine& engine) { return engine.find_transaction(transaction); });
  }

  Task<StoreResult<ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                             std::optional<std::uint32_t> max_scheduled) override {
    return perform<ScheduleAnswer>(
        [&event, max_scheduled](Engine& engine) { return engine.schedule(event, max_scheduled); });
  }

  Task<StoreResult<ActionAnswer>> restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override {
    return perform<ActionAnswer>(
        [delay_id, caller = std::move(caller), now](Engine& engine) { return engine.restart(delay_id, caller, now); });
  }

  Task<StoreResult<ActionAnswer>> cancel(DelayId delay_id, std::optional<UserId> caller, Timestamp now) override {
    return perform<ActionAnswer>(
        [delay_id, caller = std::move(caller), now](Engine& engine) { return engine.cancel(delay_id, caller, now); });
  }

  Task<StoreResult<std::uint64_t>> cancel_all(UserId user_id, Timestamp now) override {
    return perform<std::uint64_t>(
        [user_id = std::move(user_id), now](Engine& engine) { return engine.cancel_all(user_id, now); });
  }

  Task<StoreResult<ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                       Timestamp now) override {
    return perform<ClaimAnswer>([delay_id, caller = std::move(caller), attempt, now](Engine& engine) {
      return engine.claim(delay_id, caller, attempt, now);
    });
  }

  Task<StoreResult<void>> release(DelayId delay_id) override {
    return perform<void>([delay_id](Engine& engine) { engine.release(delay_id); });
  }

  Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) override {
    return perform<void>(
        [delay_id, finalised = std::move(finalised)](Engine& engine) { engine.finalise(delay_id, finalised); });
  }

  Task<StoreResult<std::vector<ActiveEvent>>> find_active(std::vector<DelayId> delay_ids) override {
    return perform<std::vector<ActiveEvent>>(
        [delay_ids = std::move(delay_ids)](Engine& engine) { return engine.find_active(delay_ids); });
  }

  Task<StoreResult<std::vector<Adopted>>> adopt() override {
    if (all_adopted_) co_return std::vector<Adopted>();
    auto adopt = [this](Engine& engine) { return engine.adopt(next_to_adopt_, adopted_at_once); };
    auto some = co_await perform<Engine::AdoptedSome>(std::move(adopt));
    if (!some) co_return some.error();
    next_to_adopt_ = some->next;
    all_adopted_ = some->events.empty();
    co_return std::move(some->events);
  }

  // The lock on the file is the lease.
  bool may_send(const DelayId&) const override { return true; }

  Task<StoreResult<std::optional<domain::DelayedEvent>>> look_up(DelayId delay_id,
                                                                 std::optional<UserId> caller) override {
    return perform<std::optional<domain::DelayedEvent>>(
        [delay_id, caller = std::move(caller)](Engine& engine) { return engine.look_up(delay_id, caller); });
  }

  Task<StoreResult<ListPage>> list(UserId user_id, ListQuery query) override {
    return perform<ListPage>([user_id = std::move(user_id), query = std::move(query)](Engine& engine) {
      return engine.list(user_id, query);
    });
  }

  Task<StoreResult<std::vector<SentEvent>>> find_sent(UserId user_id, std::vector<domain::EventId> event_ids) override {
    return perform<std::vector<SentEvent>>([user_id = std::move(user_id), event_ids = std::move(event_ids)](
                                               Engine& engine) { return engine.find_sent(user_id, event_ids); });
  }

  Task<StoreResult<std::vector<SentEvent>>> list_sent(UserId user_id, std::uint32_t limit) override {
    return perform<std::vector<SentEvent>>(
        [user_id = std::move(user_id), limit](Engine& engine) { return engine.list_sent(user_id, limit); });
  }

  Task<StoreResult<std::vector<OutcomePosition>>> list_outcomes(UserId user_id, Timestamp from,
                                                                std::uint32_t limit) override {
    return perform<std::vector<OutcomePosition>>([user_id = std::move(user_id), from, limit](Engine& engine) {
      return engine.list_outcomes(user_id, from, limit);
    });
  }

  Task<StoreResult<bool>> prune(domain::Retention retention, Timestamp now) override {
    return perform<bool>([retention, now](Engine& engine) { return engine.prune(retention, now); });
  }

  Task<StoreResult<ListPage>> list_room(domain::RoomId room_id, std::optional<ListPosition> after,
                                        std::uint32_t limit) override {
    return perform<ListPage>([room_id = std::move(room_id), after, limit](Engine& engine) {
      return engine.list_room(room_id, after, limit);
    });
  }

  Task<StoreResult<ListPage>> list_failed(std::optional<OutcomePosition> after, std::uint32_t limit) override {
    return perform<ListPage>([after, limit](Engine& engine) { return engine.list_failed(after, limit); });
  }

  // A step like the others, so that it comes after all that were taken before.
  Task<void> close() override {
    auto begin_closing = [this](Engine&) { closing_ = true; };
    co_await perform<void>(std::move(begin_closing));
  }

 private:
  template <class Answer, class Verb>
  Task<StoreResult<Answer>> perform(Verb verb) {
    Step<Answer, Verb> step(std::move(verb));
    co_await commits_.submit(step);
    co_return step.take_answer();
  }

  // On the committing thread.
  void commit(std::span<Operation* const> batch) {
    if (engine_) {
      engine_->commit(batch);
      note_figures();
      if (closing_) engine_.reset();
    } else {
      for (Operation* operation : batch) operation->fail("the store is closed");
    }
  }

  void note_figures() {
    const std::lock_guard lock(figures_mutex_);
    figures_.held = engine_->held();
    figures_.failed_commits = engine_->failed_commits();
  }

  mutable std::mutex figures_mutex_;
  Figures figures_;                 // guarded by it
  std::unique_ptr<Engine> engine_;  // until it is closed; the committing thread's
  bool closing_ = false;            // the committing thread's
  ActiveEvents::Place next_to_adopt_ = 0;
  bool all_adopted_ = false;
  GroupCommit commits_;  // last, so that its thread ends first
};

}  // namespace

Result<std::unique_ptr<Store>, std::string> open(async::Executor executor, Options options) {
  auto database = open_database(options.path);
  if (database.has_error()) return database.error();
  try {
    const auto origin = TransferOriginTable(*database).read();
    if (const auto reason = unfinished(origin)) return options.path.string() + ": " + *reason;
    auto engine = std::make_unique<Engine>(*std::move(database), options.folding);
    return std::unique_ptr<Store>(
        std::make_unique<SqliteStore>(std::move(executor), options.commit_on, std::move(engine)));
  } catch (const Error& error) {
    return explain(options.path, error);
  }
}

}  // namespace afterword::store::sqlite
