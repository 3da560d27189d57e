// Synapse's own delayed events, where Synapse keeps them.
//
// Lifecycle: from its opening on nobody else can change them, until commit() or its end, which leaves all as it was.
// Thread: any, one at a time. Blocks. Throws std::runtime_error.
#pragma once

#include "base/time.h"

#include <optional>
#include <string>
#include <vector>

namespace afterword::transfer {

// A row of its table delayed_events.
struct SynapseEvent {
  std::string delay_id;
  std::string user_localpart;
  std::optional<std::string> device_id;
  Milliseconds delay{};
  WallTime send_ts;
  std::string room_id;
  std::string type;
  std::optional<std::string> state_key;
  std::optional<WallTime> origin_server_ts;
  std::string content;
  std::optional<Milliseconds> sticky_duration;
  bool sent = false;  // it is in its room; Synapse was stopped before it could forget it
};

class SynapseDatabase {
 public:
  virtual ~SynapseDatabase() = default;

  // The user_id of any user it knows; nothing if it has none.
  virtual std::optional<std::string> any_user() = 0;

  // In the order of delay_id, those behind `after`, at most `limit`.
  virtual std::vector<SynapseEvent> read(const std::string& after, int limit) = 0;

  virtual void remove(const std::vector<std::string>& delay_ids) = 0;

  // The removals are durable, and the lock is released. The last call.
  virtual void commit() = 0;
};

}  // namespace afterword::transfer
