// A store is moved out of each kind of database into each.
#include "store/transfer.h"

#include "async/testing/manual_clock.h"
#include "base/testing/temporary_folder.h"
#include "store/postgres/connection.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/testing/server.h"
#include "store/postgres/transfer.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/transfer.h"
#include "store/testing/new_event.h"
#include "store/testing/run.h"
#include "transfer/copying.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>

namespace afterword::store {
namespace {

using namespace std::chrono_literals;
using async::testing::ManualClock;
using domain::Attempt;
using domain::EventId;
using domain::Finalised;
using domain::HomeserverError;
using domain::NewDelayedEvent;
using domain::State;
using domain::TransactionKey;
using testing::alice;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::noon;
using testing::Runner;
using testing::wall_noon;

// A database of a test.
class Place {
 public:
  virtual ~Place() = default;
  virtual Result<std::unique_ptr<Store>, std::string> open(async::Executor executor) const = 0;
  virtual std::unique_ptr<TransferReader> reader() const = 0;
  virtual std::unique_ptr<TransferWriter> writer() const = 0;
};

class SqlitePlace final : public Place {
 public:
  std::filesystem::path path() const { return folder_ / "afterword.db"; }
  Result<std::unique_ptr<Store>, std::string> open(async::Executor executor) const override {
    return sqlite::open(std::move(executor), {.path = path()});
  }
  std::unique_ptr<TransferReader> reader() const override { return sqlite::open_transfer_reader(path()); }
  std::unique_ptr<TransferWriter> writer() const override { return sqlite::open_transfer_writer(path()); }

 private:
  afterword::testing::TemporaryFolder folder_;
};

class PostgresPlace final : public Place {
 public:
  Result<std::unique_ptr<Store>, std::string> open(async::Executor executor) const override {
    return postgres::open(std::move(executor), {.url = url_});
  }
  std::unique_ptr<TransferReader> reader() const override { return postgres::open_transfer_reader(url_); }
  std::unique_ptr<TransferWriter> writer() const override { return postgres::open_transfer_writer(url_); }

  void execute(const std::string& sql) const {
    postgres::Connection(postgres::Target::parse(url_).value(), "test").execute(sql);
  }

 private:
  std::string url_ = postgres::testing::Server::shared().make_database();
};

// All of it: two that differ in anything differ here.
std::string text_of(const TransferredEvent& transferred) {
  const domain::DelayedEvent& event = transferred.event;
  const domain::EventToSend& to_send = *event.event;
  std::string text = fmt::format("{} state {} | {} {} {} | {} {} [{}] {} {} | {} +{} |", event.delay_id.to_string(),
                                 static_cast<int>(event.state), to_send.user_id.value,
                                 to_send.device_id ? to_send.device_id->value : "none", to_send.room_id.value,
                                 static_cast<int>(to_send.kind), to_send.type, to_send.state_key, to_send.redacts.value,
                                 to_send.content, to_ms(event.timing.delayed_since), event.timing.delay.count());
  if (to_send.sticky_duration) text += fmt::format(" sticky {}", to_send.sticky_duration->count());
  if (to_send.origin_server_ts) text += fmt::format(" ts {}", to_ms(*to_send.origin_server_ts));
  if (event.attempt) {
    text += fmt::format(" attempt {} {}", to_ms(event.attempt->origin_server_ts), event.attempt->on_request);
  }
  if (event.finalised) {
    text += fmt::format(" finalised {}", to_ms(event.finalised->finalised_ts));
    const auto* sent = std::get_if<EventId>(&event.finalised->outcome);
    const auto* error = std::get_if<HomeserverError>(&event.finalised->outcome);
    if (sent != nullptr) text += " sent " + sent->value;
    if (error != nullptr) text += fmt::format(" failed {} {}", error->status, error->body);
  }
  if (transferred.transaction) {
    text += " transaction";
    for (const auto byte : transferred.transaction->digest) text += fmt::format(" {}", byte);
  }
  return text;
}

std::vector<std::string> all_of(TransferReader& reader) {
  std::vector<std::string> all;
  DelayId last;
  while (true) {
    const auto some = reader.read(last, 1'000);
    if (some.empty()) return all;
    for (const TransferredEvent& event : some) all.push_back(text_of(event));
    last = some.back().event.delay_id;
  }
}
std::vector<std::string> all_of(const Place& place) { return all_of(*place.reader()); }

NewDelayedEvent new_event(std::string_view txn_id) {
  NewDelayedEvent event = testing::new_event();
  event.transaction = TransactionKey::of(event.event.user_id, std::nullopt, "/send", txn_id);
  return event;
}

// How a kind of database is made; what gtest shows of it.
struct Kind {
  std::string name;
  std::function<std::unique_ptr<Place>()> make;
};
void PrintTo(const Kind& kind, std::ostream* stream) { *stream << kind.name; }
const Kind a_file{"Sqlite", [] { return std::make_unique<SqlitePlace>(); }};
const Kind a_database{"Postgres", [] { return std::make_unique<PostgresPlace>(); }};

class TransferTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> open(const Place& place) {
    auto store = place.open(runner_.executor());
    if (store.has_error()) throw std::runtime_error(store.error());
    return *std::move(store);
  }
  template <class T>
  T answer(Task<StoreResult<T>> verb) {
    return runner_.run(std::move(verb)).value();
  }
  void close(std::unique_ptr<Store> store) { runner_.run(store->close()); }

  // What server time is there now, as a start finds it.
  Timestamp server_time_in(const Place& place, const MachineTime& machine) {
    auto store = open(place);
    const ServerTime time = answer(store->save_time(machine));
    close(std::move(store));
    return time.at(machine);
  }

  CountByState move(const Place& from, const Place& to) {
    const auto reader = from.reader();
    const auto writer = to.writer();
    return transfer::copy(*reader, *writer, clock_, [](const transfer::CopyProgress&) {});
  }
  std::string refusal(const Place& from, const Place& to) {
    try {
      move(from, to);
    } catch (const TransferError& error) {
      return error.what();
    }
    return "";
  }

  Runner runner_;
  ManualClock clock_;
};

class MoveTest : public TransferTest, public ::testing::WithParamInterface<std::tuple<Kind, Kind>> {
 protected:
  // Of each state, with all that an event may have.
  void fill(const Place& place) {
    auto store = open(place);
    answer(store->save_time(clock_.machine_time()));
    NewDelayedEvent all = new_event("all");
    all.event.device_id = domain::DeviceId("PHONE");
    all.event.kind = domain::EventKind::state;
    all.event.state_key = std::string("a\0b\xff", 4);
    all.event.redacts = EventId("$other");
    all.event.content = R"({"text":"snö"})";
    all.event.sticky_duration = 5min;
    all.event.origin_server_ts = wall_noon - 1h;
    schedule(*store, all);
    for (const State state : {State::scheduled, State::sending, State::sent, State::failed, State::cancelled}) {
      for (const bool on_request : {false, true}) {
        NewDelayedEvent event = new_event(fmt::format("{} {}", static_cast<int>(state), on_request));
        if (on_request) event.transaction.reset();
        schedule(*store, event);
        bring(*store, event.delay_id, state, on_request);
      }
    }
    close(std::move(store));
  }

  std::unique_ptr<Place> from_ = std::get<0>(GetParam()).make();
  std::unique_ptr<Place> to_ = std::get<1>(GetParam()).make();

 private:
  void schedule(Store& store, const NewDelayedEvent& event) { answer(store.schedule(event, std::nullopt)); }

  // It is restarted before, so its time is not the one it was scheduled with.
  void bring(Store& store, const DelayId& delay_id, State state, bool on_request) {
    answer(store.restart(delay_id, std::nullopt, noon + 3s));
    if (state == State::scheduled) return;
    if (state == State::cancelled) {
      answer(store.cancel(delay_id, std::nullopt, noon + 4s));
      return;
    }
    const Attempt attempt{wall_noon + 14s, on_request};
    answer(store.claim(delay_id, std::nullopt, attempt, noon + 14s));
    const Finalised sent{noon + 15s, EventId("$event")};
    const Finalised failed{noon + 16s, HomeserverError{403, R"({"errcode":"M_FORBIDDEN"})"}};
    if (state == State::sent) runner_.run(store.finalise(delay_id, sent)).value();
    if (state == State::failed) runner_.run(store.finalise(delay_id, failed)).value();
  }
};

INSTANTIATE_TEST_SUITE_P(Transfer, MoveTest,
                         ::testing::Combine(::testing::Values(a_file, a_database),
                                            ::testing::Values(a_file, a_database)),
                         [](const auto& made) {
                           return std::get<0>(made.param).name + "To" + std::get<1>(made.param).name;
                         });

TEST_P(MoveTest, ThereAndBackAllIsTheSame) {
  fill(*from_);
  const auto before = all_of(*from_);
  EXPECT_THAT(move(*from_, *to_), ElementsAre(3, 2, 2, 2, 2));
  EXPECT_EQ(all_of(*to_), before);
  EXPECT_EQ(all_of(*from_), before);

  const auto back = std::get<0>(GetParam()).make();
  move(*to_, *back);
  EXPECT_EQ(all_of(*back), before);
}

TEST_P(MoveTest, WhatWasMovedIsServed) {
  fill(*from_);
  NewDelayedEvent again = new_event("all");
  move(*from_, *to_);

  auto store = open(*to_);
  std::size_t adopted = 0;
  while (true) {
    const auto some = answer(store->adopt());
    if (some.empty()) break;
    adopted += some.size();
    for (const Adopted& event : some) {
      if (event.state != State::sending) continue;
      EXPECT_TRUE(store->may_send(event.delay_id));
    }
  }
  EXPECT_EQ(adopted, 5u);
  const auto known = answer(store->schedule(again, std::nullopt));
  EXPECT_FALSE(std::get<Scheduled>(known).created);
  const DelayId delay_id = std::get<Scheduled>(known).delay_id;
  const auto restarted = answer(store->restart(delay_id, alice, noon + 1h));
  EXPECT_EQ(std::get<ActionResult>(restarted).timing.due(), noon + 1h + 10s);
  EXPECT_FALSE(answer(store->list_sent(alice, 1)).empty());
  // It is known who may have more than the retention allows.
  answer(store->prune({.max_age = std::nullopt, .max_per_user = 1}, noon + 1h));
  close(std::move(store));
  EXPECT_EQ(all_of(*to_).size(), 5u + 1u);
}

TEST_P(MoveTest, GoesOnWhereItWasBrokenOff) {
  constexpr std::size_t many = 2'500;
  {
    std::vector<TransferredEvent> events(many);
    for (std::size_t i = 0; i < many; ++i) {
      domain::DelayedEvent& event = events[i].event;
      const NewDelayedEvent made = new_event("");
      event.delay_id = made.delay_id;
      event.event = std::make_shared<const domain::EventToSend>(made.event);
      event.timing = {noon + Milliseconds(i), 10s};
    }
    std::ranges::sort(events, {}, [](const TransferredEvent& event) { return event.event.delay_id; });
    const auto writer = from_->writer();
    writer->begin({"a test", "", false});
    writer->write(events);
    writer->finish({noon, 0s}, clock_.machine_time());
  }
  const auto before = all_of(*from_);

  std::uint64_t copied = 0;
  EXPECT_THROW(
      {
        const auto reader = from_->reader();
        const auto writer = to_->writer();
        transfer::copy(*reader, *writer, clock_, [&](const transfer::CopyProgress& progress) {
          copied = progress.copied;
          if (copied > 0) throw std::runtime_error("broken off");
        });
      },
      std::runtime_error);
  EXPECT_GT(copied, 0u);
  EXPECT_LT(copied, many);
  const auto served = to_->open(runner_.executor());
  ASSERT_TRUE(served.has_error());
  EXPECT_THAT(served.error(), HasSubstr("only a part of"));
  EXPECT_THROW(to_->reader(), TransferError);

  std::vector<std::uint64_t> shown;
  {
    const auto reader = from_->reader();
    const auto writer = to_->writer();
    transfer::copy(*reader, *writer, clock_,
                   [&](const transfer::CopyProgress& progress) { shown.push_back(progress.copied); });
  }
  EXPECT_EQ(shown.front(), copied);
  EXPECT_EQ(shown.back(), many);
  EXPECT_EQ(all_of(*to_), before);

  // Killed after the last step: there is nothing left to do.
  EXPECT_EQ(sum_of(move(*from_, *to_)), many);
  EXPECT_EQ(all_of(*to_), before);
}

TEST_P(MoveTest, RefusesATargetThatHoldsEvents) {
  fill(*from_);
  fill(*to_);
  const auto before = all_of(*to_);
  EXPECT_THAT(refusal(*from_, *to_), HasSubstr("it holds events already; name a new database"));
  EXPECT_EQ(all_of(*to_), before);
}

TEST_P(MoveTest, RefusesATargetOfAnotherMove) {
  fill(*from_);
  const auto other = std::get<0>(GetParam()).make();
  fill(*other);
  move(*other, *to_);
  const auto before = all_of(*to_);
  EXPECT_THAT(refusal(*from_, *to_), HasSubstr("was moved from "));
  EXPECT_EQ(all_of(*to_), before);
}

TEST_P(MoveTest, RefusesToGoOnWhenTheSourceWasServedMeanwhile) {
  fill(*from_);
  to_->writer()->begin(from_->reader()->origin());
  clock_.advance(1s);
  server_time_in(*from_, clock_.machine_time());
  EXPECT_THAT(refusal(*from_, *to_), HasSubstr("was served since it was moved there"));
}

TEST_P(MoveTest, RefusesWhatIsServed) {
  fill(*from_);
  for (const auto& served : {from_.get(), to_.get()}) {
    auto store = open(*served);
    EXPECT_THAT(refusal(*from_, *to_), HasSubstr("in use by"));
    close(std::move(store));
  }
  EXPECT_THAT(refusal(*from_, *to_), IsEmpty());
}

TEST_P(MoveTest, NobodyBeginsToServeMeanwhile) {
  fill(*from_);
  const auto reader = from_->reader();
  const auto writer = to_->writer();
  transfer::copy(*reader, *writer, clock_, [&](const transfer::CopyProgress& progress) {
    if (progress.copied > 0) return;
    EXPECT_TRUE(from_->open(runner_.executor()).has_error());
    EXPECT_TRUE(to_->open(runner_.executor()).has_error());
  });
}

TEST_P(MoveTest, RefusesASourceThatIsNotThere) {
  EXPECT_THROW(from_->reader(), TransferError);
  EXPECT_THAT(refusal(*from_, *to_), HasSubstr(";"));
}

// Real clocks pass while the test's stands still.
constexpr Milliseconds tolerance = 20s;

TEST_P(MoveTest, ServerTimeGoesOn) {
  // Somebody has set the wall clock, so server time is hours behind it; or the database's own clock is elsewhere.
  fill(*from_);
  if (const auto* database = dynamic_cast<const PostgresPlace*>(from_.get())) {
    database->execute("UPDATE server_time SET offset_ms = offset_ms + 7200000, latest_ts = latest_ts + 7200000");
  }
  clock_.step_wall(5h);
  const MachineTime machine = clock_.machine_time();
  const Timestamp before = server_time_in(*from_, machine);
  EXPECT_GT(std::chrono::abs(wall_offset_between(machine.wall, before)), 1h);

  // Its own time until now counts for nothing: it holds no events.
  server_time_in(*to_, machine);
  move(*from_, *to_);
  EXPECT_LE(std::chrono::abs(server_time_in(*to_, machine) - before), tolerance);
  EXPECT_LE(std::chrono::abs(server_time_in(*from_, machine) - before), tolerance);
}

TEST_F(TransferTest, ServerTimeGoesOnInAFileThatIsTakenToAnotherMachine) {
  const PostgresPlace from;
  const SqlitePlace to;
  MachineTime machine = clock_.machine_time();
  const Timestamp before = server_time_in(from, machine);
  move(from, to);

  machine = {"another machine's boot", 5min, machine.wall + 3h};
  EXPECT_LE(std::chrono::abs(server_time_in(to, machine) - (before + 3h)), tolerance);
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(TransferTest, ReadingAFileLeavesItAsItIs) {
  const SqlitePlace place;
  auto store = open(place);
  const NewDelayedEvent event = new_event("1");
  answer(store->schedule(event, std::nullopt));
  // As after a crash: what was committed last is beside the file.
  const SqlitePlace crashed;
  std::filesystem::copy_file(place.path(), crashed.path());
  std::filesystem::copy_file(place.path().string() + "-wal", crashed.path().string() + "-wal");
  close(std::move(store));
  const std::string file = bytes_of(crashed.path());
  const std::string beside = bytes_of(crashed.path().string() + "-wal");

  EXPECT_EQ(all_of(crashed).size(), 1u);
  EXPECT_EQ(bytes_of(crashed.path()), file);
  EXPECT_EQ(bytes_of(crashed.path().string() + "-wal"), beside);
}

}  // namespace
}  // namespace afterword::store
