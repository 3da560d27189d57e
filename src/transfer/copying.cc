#include "transfer/copying.h"

namespace afterword::transfer {
namespace {

using store::CountByState;
using store::sum_of;
using store::TransferError;
using store::TransferOrigin;
using store::TransferReader;
using store::TransferredEvent;
using store::TransferWriter;

// They are held in memory, a few times over; an event has up to 64 KiB.
constexpr std::uint32_t events_at_once = 1'000;
// Whatever passes between the readings of two clocks makes every event late by as much. What took longer, because we
// stood still or the network did, is done again.
constexpr Milliseconds read_quickly{50};
constexpr int most_tries = 10;

void refuse_another(const TransferOrigin& known, const TransferOrigin& origin, const std::string& target) {
  if (known.source != origin.source) {
    throw TransferError(target + ": what it holds was moved from " + known.source + "; name a new database");
  }
  if (known.stamp != origin.stamp) {
    throw TransferError(target + ": " + known.source +
                        " was served since it was moved there; name a new database, or remove this one");
  }
}

void write_all(TransferReader& from, TransferWriter& to, CopyProgress progress,
               const std::function<void(const CopyProgress&)>& show) {
  domain::DelayId last = to.last();
  while (true) {
    show(progress);
    const std::vector<TransferredEvent> events = from.read(last, events_at_once);
    if (events.empty()) return;
    to.write(events);
    last = events.back().event.delay_id;
    progress.copied += events.size();
  }
}

void finish(TransferReader& from, TransferWriter& to, const async::Clock& clock) {
  for (int tries = 0; tries < most_tries; ++tries) {
    const async::Steady began = clock.steady_now();
    const ServerTime time = from.server_time(clock.machine_time());
    to.finish(time, clock.machine_time());
    if (clock.steady_now() - began <= read_quickly) return;
  }
}

}  // namespace

store::CountByState copy(store::TransferReader& from, store::TransferWriter& to, const async::Clock& clock,
                         const std::function<void(const CopyProgress&)>& show) {
  const TransferOrigin origin = from.origin();
  const std::optional<TransferOrigin> known = to.origin();
  if (known) {
    refuse_another(*known, origin, to.name());
  } else {
    to.begin(origin);
  }
  const CountByState counts = from.count();
  const bool finished = known && known->finished;
  if (!finished) write_all(from, to, {sum_of(to.count()), sum_of(counts)}, show);
  if (to.count() != counts) {
    throw TransferError(
        to.name() + (finished ? ": it was served since all was moved there; name a new database"
                              : ": it holds other events than " + origin.source + " does; remove it, and move again"));
  }
  if (!finished) finish(from, to, clock);
  return counts;
}

}  // namespace afterword::transfer
