// A store as a whole, to be read out of its database or written into one: what `afterword move` copies, and nobody who
// serves events sees.
//
// Times are server time, on the scale of the store they come from. That scale moves along: the target takes it over
// with the last step, so no timestamp has to change.
//
// Lifecycle: from its opening on, nobody can begin to serve what is read or written, until it is gone; a target not
// before it is finished. Thread: any, one at a time. Blocks. Throws TransferError.
#pragma once

#include "base/server_time.h"
#include "domain/delayed_event.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace afterword::store {

// One line for a person: it names the database, what is wrong and the fix, and shows no password.
class TransferError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A delayed event with all that is kept of it.
struct TransferredEvent {
  domain::DelayedEvent event;
  std::optional<domain::TransactionKey> transaction;
};

using CountByState = std::array<std::uint64_t, domain::state_count>;  // domain::State is the index
std::uint64_t sum_of(const CountByState& counts);

// Where a store's content comes from.
struct TransferOrigin {
  std::string source;  // the database, as it is shown
  std::string stamp;   // as it was then: another one once it has been served again
  bool finished = false;
};

class TransferReader {
 public:
  virtual ~TransferReader() = default;

  // What this one is to a target.
  virtual TransferOrigin origin() = 0;
  virtual CountByState count() = 0;
  // In the order of delay_id, those behind `after`, at most `limit`. DelayId() comes before all.
  virtual std::vector<TransferredEvent> read(const domain::DelayId& after, std::uint32_t limit) = 0;
  // What server time is for this reading of the machine's clocks.
  virtual ServerTime server_time(const MachineTime& machine) = 0;
};

class TransferWriter {
 public:
  virtual ~TransferWriter() = default;

  virtual const std::string& name() const = 0;
  // Nothing: nobody has begun to move anything into it.
  virtual std::optional<TransferOrigin> origin() = 0;
  // Only into one that holds no events. From now on it cannot be served until it is finished.
  virtual void begin(const TransferOrigin& origin) = 0;

  virtual CountByState count() = 0;
  // The greatest delay_id there is; DelayId() if there is none.
  virtual domain::DelayId last() = 0;
  // All of them, durably, or none. In the order of delay_id, behind the last one.
  virtual void write(std::span<const TransferredEvent> events) = 0;

  // Server time goes on in it as it stands for this reading of the machine's clocks, and it can be served.
  virtual void finish(const ServerTime& time, const MachineTime& machine) = 0;
};

// Why a store with that origin cannot be served or read: nothing if it can.
std::optional<std::string> unfinished(const std::optional<TransferOrigin>& origin);

}  // namespace afterword::store
