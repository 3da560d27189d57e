// An instance's claim to be alive: a row with a time limit, in the database's own time, renewed while the process runs.
//
// When the limit is over, other instances may take over what this one has; from then on it cannot be renewed, and this
// process goes on as a new instance, which has nothing yet. A limit that is over but was noticed by nobody (the
// database was away) is renewed as if nothing had been. Lifecycle: taken when made, renewed by a thread of its own
// until give_up() or destruction. Destroyed without give_up(), it runs out by itself, as after a crash. Thread: any.
#pragma once

#include "store/figures.h"
#include "store/postgres/session.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace afterword::store::postgres {

using InstanceId = std::int64_t;
inline constexpr InstanceId nobody = 0;

// Time since this machine was started, suspended or not: what a lease is measured with on this side.
std::chrono::milliseconds time_since_boot();

struct LeaseOptions {
  std::chrono::milliseconds duration{15'000};
  std::chrono::milliseconds renew_every{4'000};
  // So long before it runs out nothing is sent any more.
  std::chrono::milliseconds margin{4'000};
  // When the database was away, so long for the others to come back too.
  std::chrono::milliseconds patience{5'000};
  std::function<std::chrono::milliseconds()> clock = time_since_boot;
};

class Lease {
 public:
  // Throws Error.
  Lease(Target target, LeaseOptions options);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  InstanceId instance() const;

  // Whether that is this instance now, and nobody can have taken over what it has.
  bool is_safe(InstanceId instance) const;

  // Whether a lease that has run out means that its instance is gone. Not when the database was away for this one: then
  // it was for the others too, and who comes back first would take over what all of them have.
  bool may_judge_others() const;

  // A write of ours, as a renewal is; its time limit stays as it is. Throws Error.
  void touch(Connection& connection) const;

  Figures::LeaseFigures figures() const;

  // Others may take over at once what this instance had. Ends the renewal.
  void give_up();

 private:
  void run() noexcept;
  bool try_to_renew();
  void renew();
  void stop();

  const LeaseOptions options_;
  Session session_;  // the thread's, once it runs, as is failing_
  bool failing_ = false;

  mutable std::mutex mutex_;
  std::condition_variable stop_requested_;
  bool stopping_ = false;
  InstanceId instance_ = nobody;
  std::chrono::milliseconds renewed_at_{};  // when the latest renewal began
  std::chrono::milliseconds patient_until_{};
  std::uint64_t lost_ = 0;  // instances that this process has been before

  std::thread thread_;
};

}  // namespace afterword::store::postgres
