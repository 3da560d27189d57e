#include "transfer/copying.h"

namespace afterword::transfer {
namespace {

using store::ArchivedEvent;
using store::ArchiveError;
using store::ArchiveReader;
using store::ArchiveWriter;
using store::CountByState;
using store::Origin;
using store::sum_of;

// They are held in memory, a few times over; an event has up to 64 KiB.
constexpr std::uint32_t events_at_once = 1'000;
// Whatever passes between the readings of two clocks makes every event late by as much. What took longer, because we
// stood still or the network did, is done again.
constexpr Milliseconds read_quickly{50};
constexpr int most_tries = 10;

void refuse_another(const Origin& known, const Origin& origin, const std::string& target) {
  if (known.source != origin.source) {
    throw ArchiveError(target + ": what it holds was moved from " + known.source + "; name a new database");
  }
  if (known.stamp != origin.stamp) {
    throw ArchiveError(target + ": " + known.source +
                       " was served since it was moved there; name a new database, or remove this one");
  }
}

void write_all(ArchiveReader& from, ArchiveWriter& to, CopyProgress progress,
               const std::function<void(const CopyProgress&)>& show) {
  domain::DelayId last = to.last();
  while (true) {
    show(progress);
    const std::vector<ArchivedEvent> events = from.read(last, events_at_once);
    if (events.empty()) return;
    to.write(events);
    last = events.back().event.delay_id;
    progress.copied += events.size();
  }
}

void finish(ArchiveReader& from, ArchiveWriter& to, const async::Clock& clock) {
  for (int tries = 0; tries < most_tries; ++tries) {
    const async::Steady began = clock.steady_now();
    const ServerTime time = from.server_time(clock.machine_time());
    to.finish(time, clock.machine_time());
    if (clock.steady_now() - began <= read_quickly) return;
  }
}

}  // namespace

store::CountByState copy(store::ArchiveReader& from, store::ArchiveWriter& to, const async::Clock& clock,
                         const std::function<void(const CopyProgress&)>& show) {
  const Origin origin = from.origin();
  const std::optional<Origin> known = to.origin();
  if (known) {
    refuse_another(*known, origin, to.name());
  } else {
    to.begin(origin);
  }
  const CountByState counts = from.count();
  const bool finished = known && known->finished;
  if (!finished) write_all(from, to, {sum_of(to.count()), sum_of(counts)}, show);
  if (to.count() != counts) {
    throw ArchiveError(
        to.name() + (finished ? ": it was served since all was moved there; name a new database"
                              : ": it holds other events than " + origin.source + " does; remove it, and move again"));
  }
  if (!finished) finish(from, to, clock);
  return counts;
}

}  // namespace afterword::transfer
