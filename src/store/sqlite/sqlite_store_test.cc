#include "store/sqlite/sqlite_store.h"

#include "base/testing/temporary_folder.h"
#include "store/sqlite/database.h"
#include "store/testing/contract.h"
#include "store/testing/new_event.h"
#include "store/testing/open_sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <sys/resource.h>

namespace afterword::store::sqlite {
namespace {

using namespace std::chrono_literals;
using afterword::testing::TemporaryFolder;
using domain::NewDelayedEvent;
using domain::State;
using testing::alice;
using ::testing::HasSubstr;
using testing::new_event;
using testing::noon;
using testing::Runner;
using testing::StoreContract;
using testing::Variant;
using testing::wall_noon;

// So small that every few restarts begin a sweep, which takes many steps.
constexpr Folding tiny_folding{.min_entries = 3, .min_entries_per_event = 0, .slots_per_step = 2, .rows_per_step = 1};

class SqliteBackend final : public testing::Backend {
 public:
  SqliteBackend(CommitOn commit_on, Folding folding) : commit_on_(commit_on), folding_(folding) {}

  std::unique_ptr<Store> open(async::Executor executor) override {
    return testing::open_sqlite(std::move(executor), Options{folder_ / "afterword.db", commit_on_, folding_});
  }

 private:
  TemporaryFolder folder_;
  CommitOn commit_on_;
  Folding folding_;
};

Variant variant(std::string name, CommitOn commit_on, Folding folding, bool reopen_after_every_verb) {
  const auto make = [=] { return std::make_unique<SqliteBackend>(commit_on, folding); };
  return {std::move(name), make, reopen_after_every_verb};
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract,
                         ::testing::Values(variant("Thread", CommitOn::own_thread, {}, false),
                                           variant("ThreadFolding", CommitOn::own_thread, tiny_folding, false),
                                           variant("ThreadReopened", CommitOn::own_thread, {}, true),
                                           variant("Executor", CommitOn::executor, {}, false),
                                           variant("ExecutorFoldingReopened", CommitOn::executor, tiny_folding, true)),
                         testing::name_of_variant);

class SqliteStore : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Store>, std::string> try_open(const std::filesystem::path& path, Folding folding = {}) {
    return sqlite::open(runner_.executor(), {path, CommitOn::own_thread, folding});
  }
  std::unique_ptr<Store> open(const std::filesystem::path& path, Folding folding = {}) {
    auto store = try_open(path, folding);
    if (store.has_error()) throw std::runtime_error(store.error());
    return *std::move(store);
  }
  void close(std::unique_ptr<Store> store) { runner_.run(store->close()); }

  DelayId schedule(Store& store) {
    const auto event = new_event();
    return std::get<Scheduled>(runner_.run(store.schedule(event, std::nullopt)).value()).delay_id;
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "afterword.db";
  Runner runner_;
};

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(SqliteStore, MakesAFileForItsOwnerAlone) {
  close(open(path_));
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms(0600));
}

TEST_F(SqliteStore, NamesAMissingFolder) {
  const auto path = folder_ / "nowhere/afterword.db";
  const auto store = try_open(path);
  ASSERT_TRUE(store.has_error());
  EXPECT_THAT(store.error(), HasSubstr(path.string()));
  EXPECT_THAT(store.error(), HasSubstr("folder does not exist"));
}

TEST_F(SqliteStore, RefusesAFileThatIsNoDatabase) {
  const std::string text(4096, 'x');
  std::ofstream(path_) << text;
  const auto store = try_open(path_);
  ASSERT_TRUE(store.has_error());
  EXPECT_THAT(store.error(), HasSubstr("not a database"));
  EXPECT_EQ(bytes_of(path_), text);
}

TEST_F(SqliteStore, RefusesTheDatabaseOfAnotherApplication) {
  Database::open(path_).execute("CREATE TABLE notes (text TEXT)");
  const auto before = bytes_of(path_);
  const auto store = try_open(path_);
  ASSERT_TRUE(store.has_error());
  EXPECT_THAT(store.error(), HasSubstr("another application"));
  EXPECT_EQ(bytes_of(path_), before);
}

TEST_F(SqliteStore, RefusesTheDatabaseOfANewerVersion) {
  close(open(path_));
  Database::open(path_).execute("PRAGMA user_version = 1000");
  const auto store = try_open(path_);
  ASSERT_TRUE(store.has_error());
  EXPECT_THAT(store.error(), HasSubstr("newer version"));
}

TEST_F(SqliteStore, NamesACorruptedFile) {
  auto store = open(path_);
  for (int i = 0; i < 200; ++i) schedule(*store);
  close(std::move(store));
  const auto size = std::filesystem::file_size(path_);
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(4096);  // all but the header's page
  file << std::string(size - 4096, '\xa5');
  file.close();
  const auto opened = try_open(path_);
  ASSERT_TRUE(opened.has_error());
  EXPECT_THAT(opened.error(), HasSubstr("corrupted"));
  EXPECT_THAT(opened.error(), HasSubstr(path_.string()));
}

TEST_F(SqliteStore, TakesNumbersThatItNeverWritesForDamage) {
  for (const char* change : {"state = 7", "state = -1", "kind = 3", "delay_ms = 1 << 60", "delayed_since_ts = -1 << 60",
                             "delay_id = x'0102'"}) {
    SCOPED_TRACE(change);
    for (const char* file : {"afterword.db", "afterword.db-wal"}) std::filesystem::remove(folder_ / file);
    auto store = open(path_);
    const auto delay_id = schedule(*store);
    close(std::move(store));
    Database::open(path_).execute(std::string("UPDATE events SET ") + change);
    auto opened = try_open(path_);
    if (opened.has_error()) {
      EXPECT_THAT(opened.error(), HasSubstr("corrupted"));
      continue;
    }
    const auto found = runner_.run((*opened)->look_up(delay_id, std::nullopt));
    ASSERT_TRUE(found.has_error());
    EXPECT_THAT(found.error().reason, HasSubstr("corrupted"));
    close(*std::move(opened));
  }
}

TEST_F(SqliteStore, IsOneProcessAlone) {
  auto first = open(path_);
  const auto second = try_open(path_);
  ASSERT_TRUE(second.has_error());
  EXPECT_THAT(second.error(), HasSubstr("in use by another process"));
  schedule(*first);
  close(std::move(first));
  close(open(path_));
}

// A copy of the files at any moment is what a crash leaves behind.
TEST_F(SqliteStore, HasAllThatWasAcknowledgedAfterACrash) {
  auto store = open(path_, tiny_folding);
  std::vector<std::pair<DelayId, Timestamp>> acknowledged;
  for (int round = 1; round <= 12; ++round) {
    acknowledged.emplace_back(schedule(*store), noon);
    for (std::size_t i = 0; i < acknowledged.size(); i += 2) {
      auto& [delay_id, delayed_since] = acknowledged[i];
      delayed_since = noon + Milliseconds(1000 * round);
      runner_.run(store->restart(delay_id, std::nullopt, delayed_since)).value();
    }
    const auto copy = folder_ / "copy.db";
    std::filesystem::copy_file(path_, copy, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(folder_ / "afterword.db-wal", folder_ / "copy.db-wal",
                               std::filesystem::copy_options::overwrite_existing);
    auto recovered = open(copy);
    for (const auto& [delay_id, delayed_since] : acknowledged) {
      const auto event = runner_.run(recovered->look_up(delay_id, std::nullopt)).value();
      ASSERT_TRUE(event);
      EXPECT_EQ(event->timing.delayed_since, delayed_since);
    }
    close(std::move(recovered));
  }
  close(std::move(store));
}

// Files of this process cannot grow while this lives: what a full disk does.
class FullDisk {
 public:
  explicit FullDisk(std::uintmax_t file_size) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = file_size;
    previous_ = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, previous_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*previous_)(int) = nullptr;
};

TEST_F(SqliteStore, KnowsTheTimeAlthoughAFullDiskCannotKeepIt) {
  const MachineTime first{"first boot", 100h, wall_noon};
  auto store = open(path_);
  runner_.run(store->save_time(first)).value();
  close(std::move(store));

  store = open(path_);
  MachineTime machine{"second boot", 1min, wall_noon + 10min};
  const auto refused = new_event();
  {
    const FullDisk full(0);
    ASSERT_TRUE(runner_.run(store->schedule(refused, std::nullopt)).has_error());
    EXPECT_EQ(runner_.run(store->save_time(machine)).value().at(machine), noon + 10min);
    machine.since_boot += 1min;
    machine.wall += 5h;
    EXPECT_EQ(runner_.run(store->save_time(machine)).value().at(machine), noon + 11min);
  }
  EXPECT_EQ(runner_.run(store->save_time(machine)).value().at(machine), noon + 11min);
  close(std::move(store));

  store = open(path_);
  machine.since_boot += 1min;
  machine.wall -= 7h;
  EXPECT_EQ(runner_.run(store->save_time(machine)).value().at(machine), noon + 12min);
  close(std::move(store));
}

TEST_F(SqliteStore, DoesNothingByHalvesOnAFullDiskAndRecovers) {
  auto store = open(path_);
  const auto kept = schedule(*store);
  const auto sending = schedule(*store);
  const domain::Attempt attempt{wall_noon, true};
  runner_.run(store->claim(sending, std::nullopt, attempt, noon)).value();
  const auto refused = new_event();
  {
    const FullDisk full(std::filesystem::file_size(folder_ / "afterword.db-wal"));
    EXPECT_TRUE(runner_.run(store->schedule(refused, std::nullopt)).has_error());
    EXPECT_TRUE(runner_.run(store->restart(kept, std::nullopt, noon + 1s)).has_error());
    EXPECT_TRUE(runner_.run(store->cancel(kept, std::nullopt, noon)).has_error());
    EXPECT_TRUE(runner_.run(store->claim(kept, std::nullopt, attempt, noon)).has_error());
    EXPECT_TRUE(runner_.run(store->release(sending)).has_error());

    // Several at once.
    std::vector<Task<StoreResult<ActionAnswer>>> batch;
    batch.push_back(store->cancel(kept, std::nullopt, noon));
    batch.push_back(store->restart(kept, std::nullopt, noon + 2s));
    for (const auto& answer : runner_.run_together(std::move(batch))) EXPECT_TRUE(answer.has_error());

    // What only reads goes on, and finds everything as it was.
    const auto found = runner_.run(store->find_active({kept, sending, refused.delay_id})).value();
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].state, State::scheduled);
    EXPECT_EQ(found[0].timing.due(), noon + 10s);
    EXPECT_EQ(found[1].state, State::sending);
    EXPECT_EQ(runner_.run(store->look_up(kept, std::nullopt)).value()->state, State::scheduled);
  }
  runner_.run(store->restart(kept, std::nullopt, noon + 3s)).value();
  runner_.run(store->schedule(refused, std::nullopt)).value();
  close(std::move(store));

  store = open(path_);
  EXPECT_EQ(runner_.run(store->look_up(kept, std::nullopt)).value()->timing.delayed_since, noon + 3s);
  EXPECT_EQ(runner_.run(store->look_up(sending, std::nullopt)).value()->state, State::sending);
  EXPECT_EQ(runner_.run(store->adopt()).value().size(), 3u);
  close(std::move(store));
}

TEST_F(SqliteStore, PrunesABoundedNumberAtATime) {
  auto store = open(path_);
  std::vector<NewDelayedEvent> events(2'500);
  std::vector<Task<StoreResult<ScheduleAnswer>>> verbs;
  for (auto& event : events) {
    event = new_event();
    verbs.push_back(store->schedule(event, std::nullopt));
  }
  runner_.run_together(std::move(verbs));
  EXPECT_EQ(runner_.run(store->cancel_all(alice, noon)).value(), events.size());

  const domain::Retention retention{std::nullopt, 100};
  int rounds = 1;
  while (runner_.run(store->prune(retention, noon)).value()) ++rounds;
  EXPECT_GT(rounds, 1);
  ListQuery query;
  query.limit = 10'000;
  EXPECT_EQ(runner_.run(store->list(alice, query)).value().events.size(), 100u);
  close(std::move(store));
}

// The journal stays small however long heartbeats come in.
TEST_F(SqliteStore, FoldsTheJournal) {
  auto store = open(path_, tiny_folding);
  const auto first = schedule(*store);
  const auto second = schedule(*store);
  for (int i = 1; i <= 500; ++i) {
    runner_.run(store->restart(i % 7 == 0 ? first : second, std::nullopt, noon + Milliseconds(i))).value();
  }
  close(std::move(store));
  {
    Database database = Database::open(path_);
    EXPECT_LT(database.query_integer("SELECT count(*) FROM journal"), 200);
    EXPECT_EQ(database.query_integer("SELECT count(*) FROM timing"), 2);
  }
  store = open(path_);
  EXPECT_EQ(runner_.run(store->look_up(first, std::nullopt)).value()->timing.delayed_since, noon + 497ms);
  EXPECT_EQ(runner_.run(store->look_up(second, std::nullopt)).value()->timing.delayed_since, noon + 500ms);
  close(std::move(store));
}

}  // namespace
}  // namespace afterword::store::sqlite
