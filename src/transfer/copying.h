// Copies a store into another database: what `afterword move` does, apart from its command line.
#pragma once

#include "async/clock.h"
#include "store/transfer.h"

#include <cstdint>
#include <functional>

namespace afterword::transfer {

struct CopyProgress {
  std::uint64_t copied = 0;  // those of an earlier run included
  std::uint64_t all = 0;
};

// Goes on where an earlier copy of the same source was broken off; what is there is always what comes first in the
// order of delay_ids. Answers the number of events in each, which are the same. Blocks. Throws store::TransferError.
store::CountByState copy(store::TransferReader& from, store::TransferWriter& to, const async::Clock& clock,
                         const std::function<void(const CopyProgress&)>& show);

}  // namespace afterword::transfer
