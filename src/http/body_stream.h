// A body that is not held whole: it is read in pieces, as they arrive, and whoever reads slowly makes its sender wait.
//
// Lifecycle: read() until it tells the end or that there is none. To destroy it before gives the rest up, and closes
// the connection that it comes from. Thread: that of its connection.
#pragma once

#include "async/task.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::http {

// What came so far must not look whole to anybody.
struct BrokenOff {
  std::string reason;  // for the log
};

class BodyStream {
 public:
  // How much of a body is in memory at most while it passes: what was read from one side, and what is written to the
  // other.
  static constexpr std::size_t window_bytes = 128 * 1024;

  virtual ~BodyStream() = default;

  // The next piece, valid until the next call; empty at the end.
  virtual async::Task<Result<std::string_view, BrokenOff>> read() = 0;

  // Whoever reads it wants it: for a sender that waits until then (Expect: 100-continue).
  virtual async::Task<void> ask_for() { co_return; }

  // How much is still to come, if its sender has said so.
  virtual std::optional<std::uint64_t> remaining_bytes() const = 0;
};

// Waits for the rest of a small body, for somebody who wants to read it whole. A body that is larger stays as it is:
// its beginning, and the rest to come. False if it broke off: it is none. The message outlives the task.
async::Task<bool> gather(std::string& body, std::shared_ptr<BodyStream>& rest, std::size_t max_bytes);

template <class Message>
async::Task<bool> gather(Message& message, std::size_t max_bytes) {
  return gather(message.body, message.rest, max_bytes);
}

}  // namespace afterword::http
