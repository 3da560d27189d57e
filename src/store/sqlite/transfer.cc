#include "store/sqlite/transfer.h"

#include "store/sqlite/active_events.h"
#include "store/sqlite/event_table.h"
#include "store/sqlite/journal.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/time_table.h"
#include "store/sqlite/transfer_origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace afterword::store::sqlite {
namespace {

using domain::DelayId;

// Sorted by delay_id, the events of a batch are anywhere in the other indexes: these pages should stay in memory.
constexpr const char* set_cache_size = "PRAGMA cache_size = -262144";  // KiB

// Performs `step`, and gives an error of SQLite its meaning.
template <class Step>
auto explained(const std::filesystem::path& path, Step step) {
  try {
    return step();
  } catch (const Error& error) {
    throw TransferError(explain(path, error));
  }
}

CountByState count_events(Database& database) {
  Statement statement(database, "SELECT state, count(*) FROM events GROUP BY state");
  Rows rows = statement.query();
  CountByState counts{};
  while (rows.next()) {
    counts.at(static_cast<std::size_t>(rows.enumerator(0, domain::last_state))) =
        static_cast<std::uint64_t>(rows.integer(1));
  }
  return counts;
}

class Reader final : public TransferReader {
 public:
  Reader(const std::filesystem::path& path, Database database)
      : path_(path),
        database_(std::move(database)),
        events_(database_),
        journal_(database_, active_, {}),
        time_table_(database_),
        read_finalised_(database_, fmt::format("SELECT {} FROM events WHERE delay_id > ? AND state >= 2"
                                               " ORDER BY delay_id LIMIT ?",
                                               all_columns())),
        read_active_(database_, fmt::format("SELECT {} FROM events WHERE id = ?", all_columns())) {
    events_.load(active_);
    journal_.replay();
    active_.for_each(
        [this](ActiveEvents::Place place, const auto&) { sorted_.emplace_back(active_.id_of(place), place); });
    std::sort(sorted_.begin(), sorted_.end());
  }

  // Every start writes the time anew.
  TransferOrigin origin() override {
    return explained(path_, [&] {
      const KeptTime kept = time_table_.read();
      return TransferOrigin{"sqlite:" + path_.string(), fmt::format("{} {}", kept.boot_id, to_ms(kept.latest))};
    });
  }

  CountByState count() override {
    return explained(path_, [&] { return count_events(database_); });
  }

  std::vector<TransferredEvent> read(const DelayId& after, std::uint32_t limit) override {
    return explained(path_, [&] {
      std::vector<TransferredEvent> found;
      found.reserve(std::size_t{2} * limit);
      const auto behind = std::upper_bound(sorted_.begin(), sorted_.end(), after,
                                           [](const DelayId& id, const Active& active) { return id < active.first; });
      for (auto next = behind; next != sorted_.end() && found.size() < limit; ++next)
        found.push_back(read_active(*next));
      const auto middle = static_cast<std::ptrdiff_t>(found.size());
      Rows rows = read_finalised_.query(Blob(after.bytes()), limit);
      while (rows.next()) found.push_back({read_event(rows), read_transaction(rows)});
      std::inplace_merge(found.begin(), found.begin() + middle, found.end(),
                         [](const TransferredEvent& left, const TransferredEvent& right) {
                           return left.event.delay_id < right.event.delay_id;
                         });
      if (found.size() > limit) found.erase(found.begin() + limit, found.end());
      return found;
    });
  }

  ServerTime server_time(const MachineTime& machine) override {
    return explained(path_, [&] { return resume(time_table_.read(machine.boot_id, active_), machine); });
  }

 private:
  using Active = std::pair<DelayId, ActiveEvents::Place>;

  TransferredEvent read_active(const Active& active) {
    const auto& slot = active_.at(active.second);
    Rows rows = read_active_.query(slot.row);
    if (!rows.next()) throw Error::damage("the row of an active event is gone");
    TransferredEvent read{read_event(rows), read_transaction(rows)};
    read.event.timing = slot.timing();
    return read;
  }

  const std::filesystem::path path_;
  Database database_;
  EventTable events_;
  ActiveEvents active_;
  Journal journal_;
  TimeTable time_table_;
  Statement read_finalised_;
  Statement read_active_;
  std::vector<Active> sorted_;  // active events, by their delay_id
};

class Writer final : public TransferWriter {
 public:
  Writer(const std::filesystem::path& path, Database database)
      : path_(path),
        name_("sqlite:" + path.string()),
        database_(std::move(database)),
        origin_table_(database_),
        time_table_(database_),
        last_(database_,
              "SELECT delay_id FROM events ORDER BY id DESC LIMIT 1"),  // they come in the order of their delay_id
        events_(database_),
        mark_user_(database_, "INSERT OR IGNORE INTO users_to_prune (user_id) VALUES (?)") {
    database_.execute(set_cache_size);
  }

  const std::string& name() const override { return name_; }

  std::optional<TransferOrigin> origin() override {
    return explained(path_, [&] { return origin_table_.read(); });
  }

  void begin(const TransferOrigin& origin) override {
    if (last() != DelayId()) throw TransferError(name_ + ": it holds events already; name a new database");
    explained(path_, [&] { origin_table_.write(origin); });
  }

  CountByState count() override {
    return explained(path_, [&] { return count_events(database_); });
  }

  DelayId last() override {
    return explained(path_, [&] {
      Rows rows = last_.query();
      return rows.next() ? rows.delay_id(0) : DelayId();
    });
  }

  void write(std::span<const TransferredEvent> events) override {
    transaction([&] {
      for (const TransferredEvent& event : events) insert(event);
    });
  }

  void finish(const ServerTime& time, const MachineTime& machine) override {
    transaction([&] {
      time_table_.write({machine.boot_id, time, time.at(machine)});
      origin_table_.set_finished();
    });
  }

 private:
  template <class Step>
  void transaction(Step step) {
    explained(path_, [&] {
      database_.execute("BEGIN");
      step();
      database_.execute("COMMIT");
    });
  }

  void insert(const TransferredEvent& transferred) {
    const domain::DelayedEvent& event = transferred.event;
    events_.insert(to_write(event, transferred.transaction));
    if (event.finalised) mark_user_.run(event.event->user_id.value);
  }

  const std::filesystem::path path_;
  const std::string name_;
  Database database_;
  TransferOriginTable origin_table_;
  TimeTable time_table_;
  Statement last_;
  EventTable events_;
  Statement mark_user_;
};

Database opened(Result<Database, std::string> database) {
  if (!database) throw TransferError(database.error());
  return *std::move(database);
}

}  // namespace

std::unique_ptr<TransferReader> open_transfer_reader(const std::filesystem::path& path) {
  return explained(path, [&]() -> std::unique_ptr<TransferReader> {
    Database database = opened(open_unchanged(path));
    const auto origin = TransferOriginTable(database).read();
    if (const auto reason = unfinished(origin)) throw TransferError(path.string() + ": " + *reason);
    return std::make_unique<Reader>(path, std::move(database));
  });
}

std::unique_ptr<TransferWriter> open_transfer_writer(const std::filesystem::path& path) {
  return explained(path, [&]() -> std::unique_ptr<TransferWriter> {
    return std::make_unique<Writer>(path, opened(open_database(path)));
  });
}

}  // namespace afterword::store::sqlite
