// What a store tells of itself, for the metrics: what it holds, and how its commits go.
#pragma once

#include "base/histogram.h"
#include "base/time.h"

#include <array>
#include <cstdint>
#include <optional>

namespace afterword::store {

inline constexpr std::array<double, 10> batch_bounds{1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

struct CommitFigures {
  Histogram operations{batch_bounds};  // of each commit
  Histogram seconds{seconds_bounds};   // that it took
};

struct Figures {
  CommitFigures commits;
  std::uint64_t failed_commits = 0;

  // Of a store of one process, which knows it; what instances share they would have to count in the database.
  struct Held {
    std::uint64_t scheduled = 0;
    std::uint64_t sending = 0;
    std::uint64_t journal_entries = 0;  // that are not folded yet
  };
  std::optional<Held> held;

  // Of a store that instances share.
  struct LeaseFigures {
    Milliseconds left{};     // until nothing is sent any more for want of a renewal; 0 at least
    std::uint64_t lost = 0;  // how often others may have taken over what this instance had
  };
  std::optional<LeaseFigures> lease;
};

}  // namespace afterword::store
