#include "store/sqlite/journal.h"

#include <boost/endian/conversion.hpp>

#include <algorithm>

namespace afterword::store::sqlite {
namespace {

// An entry: the event's row and its delayed_since, eight bytes each, little-endian.
constexpr std::size_t entry_size = 16;

void append_entry(std::vector<std::uint8_t>& entries, std::int64_t row, Timestamp delayed_since) {
  entries.resize(entries.size() + entry_size);
  std::uint8_t* entry = entries.data() + entries.size() - entry_size;
  boost::endian::store_little_s64(entry, row);
  boost::endian::store_little_s64(entry + 8, to_ms(delayed_since));
}

}  // namespace

Journal::Journal(Database& database, ActiveEvents& active, Folding folding)
    : database_(database),
      active_(active),
      folding_(folding),
      append_(database, "INSERT INTO journal (id, entries) VALUES (?, ?)"),
      fold_(database,
            "INSERT INTO timing (id, delayed_since_ts) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET delayed_since_ts = excluded.delayed_since_ts"),
      forget_(database, "DELETE FROM timing WHERE id = ?"),
      remove_(database,
              "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE id <= ? ORDER BY id LIMIT ?)"
              " RETURNING length(entries)") {}

void Journal::replay() {
  // As they were loaded, in ascending order.
  std::vector<std::int64_t> rows_by_place;
  rows_by_place.reserve(active_.end());
  active_.for_each([&](ActiveEvents::Place, const ActiveEvents::Slot& slot) { rows_by_place.push_back(slot.row); });

  const auto set = [&](std::int64_t row, Timestamp delayed_since, bool journaled) {
    const auto found = std::lower_bound(rows_by_place.begin(), rows_by_place.end(), row);
    if (found == rows_by_place.end() || *found != row) return;  // finalised since
    const auto place = static_cast<ActiveEvents::Place>(found - rows_by_place.begin());
    auto slot = active_.at(place);
    slot.delayed_since = delayed_since;
    slot.journaled = journaled;
    active_.change(place, slot);
    active_.keep();
  };
  {
    Statement timing(database_, "SELECT id, delayed_since_ts FROM timing");
    Rows rows = timing.query();
    while (rows.next()) set(rows.integer(0), rows.timestamp(1), false);
  }
  Statement journal(database_, "SELECT id, entries FROM journal ORDER BY id");
  Rows rows = journal.query();
  while (rows.next()) {
    const Blob entries = rows.bytes(1);
    for (std::size_t at = 0; at + entry_size <= entries.size(); at += entry_size) {
      const std::uint8_t* entry = entries.data() + at;
      const auto delayed_since = stored_timestamp(boost::endian::load_little_s64(entry + 8));
      set(boost::endian::load_little_s64(entry), delayed_since, true);
    }
    progress_.last_row = rows.integer(0);
    progress_.entries += static_cast<std::int64_t>(entries.size() / entry_size);
  }
  keep();
}

void Journal::restart(ActiveEvents::Place place, Timestamp delayed_since) {
  auto slot = active_.at(place);
  slot.delayed_since = delayed_since;
  slot.journaled = true;
  active_.change(place, slot);
  append_entry(entries_, slot.row, delayed_since);
}

void Journal::forget(std::int64_t row) { forget_.run(row); }

void Journal::write() {
  if (entries_.empty()) return;
  append_.run(++progress_.last_row, Blob(entries_));
  progress_.entries += static_cast<std::int64_t>(entries_.size() / entry_size);
  sweep();
}

void Journal::sweep() {
  switch (progress_.sweep) {
    case Sweep::none: {
      const auto per_event = folding_.min_entries_per_event * static_cast<std::int64_t>(active_.size());
      if (progress_.entries <= std::max(folding_.min_entries, per_event)) return;
      progress_.sweep = Sweep::folding;
      progress_.next = 0;
      progress_.rows_before = progress_.last_row;
      return fold_step();
    }
    case Sweep::folding:
      return fold_step();
    case Sweep::removing:
      return remove_step();
  }
}

void Journal::fold_step() {
  const auto end = std::min(active_.end(), progress_.next + folding_.slots_per_step);
  std::vector<ActiveEvents::Place> places;
  for (auto place = progress_.next; place < end; ++place) {
    if (active_.at(place).journaled) places.push_back(place);
  }
  // In the order of the table, so that neighbours share a page.
  std::sort(places.begin(), places.end(), [this](auto a, auto b) { return active_.at(a).row < active_.at(b).row; });
  for (const auto place : places) {
    auto slot = active_.at(place);
    fold_.run(slot.row, slot.delayed_since);
    slot.journaled = false;
    active_.change(place, slot);
  }
  progress_.next = end;
  if (end == active_.end()) progress_.sweep = Sweep::removing;
}

void Journal::remove_step() {
  std::uint32_t removed = 0;
  Rows rows = remove_.query(progress_.rows_before, folding_.rows_per_step);
  while (rows.next()) {
    ++removed;
    progress_.entries -= rows.integer(0) / static_cast<std::int64_t>(entry_size);
  }
  if (removed < folding_.rows_per_step) progress_.sweep = Sweep::none;
}

void Journal::keep() {
  entries_.clear();
  committed_ = progress_;
}

void Journal::roll_back() {
  entries_.clear();
  progress_ = committed_;
}

}  // namespace afterword::store::sqlite
