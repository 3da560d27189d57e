// For how long the other side of a connection keeps it idle, as far as was seen and told.
//
// A server, or a balancer before it, closes an idle connection after a time that it mostly does not tell. A request
// that is on its way just then is lost, and nobody knows whether it was acted on. So what must not be sent twice is
// sent only over a connection that has been idle for much less than others have been kept for. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace afterword::http {

class KeepTime {
 public:
  using Duration = std::chrono::steady_clock::duration;
  using Instant = std::chrono::steady_clock::time_point;

  // What was seen of a connection that had been idle for so long.
  void saw_open(Duration idle, Instant now);
  void saw_closed(Duration idle, Instant now);

  // What the last answer said about it: the value of its Keep-Alive header, "timeout=5, max=100", if it had one. It
  // counts where it is less than what was seen.
  void was_told(std::optional<std::string_view> keep_alive);

  bool surely_keeps(Duration idle) const;

 private:
  Duration longest_open_{0};
  Duration shortest_closed_{0};  // until it is forgotten: a server that restarts closes connections of any age
  Instant forget_closed_{};
  std::optional<std::chrono::seconds> told_;
};

}  // namespace afterword::http
