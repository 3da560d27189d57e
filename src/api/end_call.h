// Ends the call of a room, for whoever operates the server: sends what takes its participants out of it, or cancels
// that.
#pragma once

#include "api/context.h"
#include "domain/ids.h"
#include "domain/transitions.h"
#include "store/store.h"

#include <cstdint>

namespace afterword::api {

struct EndedCall {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;  // what the homeserver refused stays scheduled
  bool more = false;         // it took too long, or what became of some is not known yet: ask again
};

// One after the other, in the order of their time; `action` is send or cancel. Nothing that is not of a call is touched
// (domain/limits.h).
async::Task<store::StoreResult<EndedCall>> end_call(Context& context, domain::RoomId room_id, domain::Action action);

}  // namespace afterword::api
