// The timing of active events, made durable: a restart appends to a journal, which is folded into a table now and then.
//
// A batch of restarts is one row of the journal, so its cost does not grow with the number of events. When the journal
// has grown, a sweep passes over the active events, a small step at each commit: what was journaled goes to the table
// of timing, and the journal's rows from before the sweep are removed. What is journaled during a sweep comes after
// those, so replaying what is left over the table gives the present, wherever a sweep was broken off.
//
// Thread: the committing one, within a transaction. keep() and roll_back() follow its end.
#pragma once

#include "store/sqlite/active_events.h"
#include "store/sqlite/database.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace afterword::store::sqlite {

// When and how the journal is folded.
struct Folding {
  // A sweep begins when the journal holds more entries than both of these.
  std::int64_t min_entries = 65'536;
  std::int64_t min_entries_per_event = 4;
  // One step, so that no commit is much longer than others.
  std::uint32_t slots_per_step = 512;
  std::uint32_t rows_per_step = 64;
};

class Journal {
 public:
  Journal(Database& database, ActiveEvents& active, Folding folding);

  // Gives the active events the timing that the table and the journal hold. They have just been loaded.
  void replay();

  void restart(ActiveEvents::Place place, Timestamp delayed_since);
  // The event of this row is finalised.
  void forget(std::int64_t row);

  // The last step of a transaction: writes its restarts.
  void write();

  void keep();
  void roll_back();

  std::int64_t entries() const { return progress_.entries; }  // that are not folded yet

 private:
  enum class Sweep : std::uint8_t { none, folding, removing };
  struct Progress {
    std::int64_t last_row = 0;  // of the journal
    std::int64_t entries = 0;   // in the journal
    Sweep sweep = Sweep::none;
    ActiveEvents::Place next = 0;  // to be folded
    std::int64_t rows_before = 0;  // the last row of the journal when the sweep began
  };

  void sweep();
  void fold_step();
  void remove_step();

  Database& database_;
  ActiveEvents& active_;
  const Folding folding_;
  Statement append_;
  Statement fold_;
  Statement forget_;
  Statement remove_;
  std::vector<std::uint8_t> entries_;  // of this transaction
  Progress progress_;
  Progress committed_;
};

}  // namespace afterword::store::sqlite
