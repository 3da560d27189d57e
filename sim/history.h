// What clients asked and were told, and nothing else: all that the checkers know of Afterword.
#pragma once

#include "domain/delayed_event.h"
#include "sim/simulation.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace afterword::sim {

// An event that a client wants to be sent later.
struct Wish {
  domain::UserId user_id;
  std::optional<domain::DeviceId> device_id;
  domain::RoomId room_id;
  domain::EventKind kind = domain::EventKind::message;
  std::string type;
  std::string state_key;
  std::string content;  // by which it is recognised in its room; twins share one
  Milliseconds delay{};
  std::optional<std::string> txn_id;

  std::optional<std::string> delay_id;  // once a client was told
};

enum class Asked : std::uint8_t { schedule, restart, cancel, send, look_up };

struct Exchange {
  std::size_t wish;
  Asked asked;
  bool unstable = false;  // the wire form, which tells some errors differently
  Steady when;
  std::optional<Steady> answered;
  int status = 0;  // 0: no answer was heard
  std::string body;
};

struct History {
  std::vector<Wish> wishes;
  std::vector<Exchange> exchanges;
};

}  // namespace afterword::sim
