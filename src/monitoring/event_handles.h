// How the operator's API names a delayed event. A delay_id would be the right to act on it, also at the public
// listener, so nobody is shown one: a handle is the delay_id enciphered with a key that this process has drawn at its
// start and tells nobody, and means nothing anywhere else.
//
// No errors but at the start, if the system has no random bytes. Thread-safe.
#pragma once

#include "domain/ids.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::monitoring {

class EventHandles {
 public:
  EventHandles();

  std::string handle_of(const domain::DelayId& delay_id) const;  // ev- and 22 characters of base64url
  // Nothing for what is no handle. One of another process is that of an event that does not exist.
  std::optional<domain::DelayId> find(std::string_view handle) const;

 private:
  std::array<std::uint8_t, 32> key_{};
};

}  // namespace afterword::monitoring
