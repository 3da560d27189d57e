// A connection that comes back: made anew at the next use after it was lost.
//
// Lifecycle: connects at first use. After an Error, tell it with note(): it drops a connection that was lost.
// Thread: one at a time.
#pragma once

#include "store/postgres/connection.h"

#include <chrono>
#include <optional>
#include <string>

namespace afterword::store::postgres {

class Session {
 public:
  Session(Target target, std::string purpose);

  // Throws Error, without trying when it has just tried in vain.
  Connection& connection();
  void note(const Error& error);
  void close();

  bool is_connected() const { return connection_.has_value(); }

  // The name of the latest connection: no other ever had it.
  const std::string& name() const { return name_; }

 private:
  const Target target_;
  const std::string purpose_;
  std::string name_;
  std::optional<Connection> connection_;
  std::string failure_;
  std::chrono::steady_clock::time_point next_try_{};
};

}  // namespace afterword::store::postgres
