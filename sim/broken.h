// Afterword with one of its guarantees broken on purpose: around its store, its homeserver and its clock, so that the
// product knows nothing of it. Shows that the checkers notice.
#pragma once

#include "homeserver/homeserver.h"
#include "sim/simulation.h"
#include "store/store.h"

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace afterword::sim {

enum class Breakage : std::uint8_t {
  none,
  no_look,            // an attempt is sent again without a look whether it has arrived
  claim_not_durable,  // an event is sent before its claim is committed
  early_restart,      // a restart is acknowledged before it is committed
  early_schedule,
  cancel_ignored,
  restart_ignored,
  early_timer,
  finalise_lost,
  fence_off,                // an instance that has lost its lease goes on sending
  no_hold,                  // an unclear attempt does not hold up its room
  no_rooms,                 // events of a room do not wait for each other
  refused_restart_granted,  // a restart that comes too late is answered like one in time
  queue_ignored,            // what may be in the homeserver's queue is sent again as if it were not
  no_flush,                 // that queue is said to be worked off, and was not
  no_mark,                  // the homeserver is not prepared before a claim
  refusal_at_once,          // a homeserver that is being stopped is believed
  outage_at_once,           // what is answered about one event stops all others
  middlebox_believed,       // what a middlebox answers counts as the homeserver's refusal
  restart_waits,            // a restart is not answered before the homeserver is
  bans_ignored,             // nobody asks whether an owner may still send
};

std::optional<Breakage> breakage_of(std::string_view name);
std::vector<std::string_view> breakage_names();

// What stands in front of the real one; nothing where this breakage leaves it alone.
std::unique_ptr<store::Store> break_store(Breakage breakage, Node& node, store::Store& store,
                                          homeserver::Homeserver& homeserver);
std::unique_ptr<homeserver::Homeserver> break_homeserver(Breakage breakage, Node& node,
                                                         homeserver::Homeserver& homeserver);
std::unique_ptr<async::Clock> break_clock(Breakage breakage, async::Clock& clock);

}  // namespace afterword::sim
