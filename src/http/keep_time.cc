#include "http/keep_time.h"

#include <algorithm>

namespace afterword::http {
namespace {

// Nobody closes a connection that fast after its last answer without having said so in it.
constexpr std::chrono::milliseconds always_kept{250};
// Some look at their idle connections only now and then, and so keep one twice as long as another.
constexpr int variation = 2;
constexpr std::chrono::minutes memory{10};

}  // namespace

void KeepTime::saw_open(Duration idle, Instant now) {
  if (now < forget_closed_) idle = std::min(idle, shortest_closed_);
  longest_open_ = std::max(longest_open_, idle);
}

void KeepTime::saw_closed(Duration idle, Instant now) {
  shortest_closed_ = now < forget_closed_ ? std::min(shortest_closed_, idle) : idle;
  forget_closed_ = now + memory;
  longest_open_ = std::min(longest_open_, shortest_closed_);
}

bool KeepTime::surely_keeps(Duration idle) const { return idle <= always_kept || idle <= longest_open_ / variation; }

}  // namespace afterword::http
