// Whether requests should be sent here: it serves, and its store takes changes. Not: the homeserver can be reached, for
// without it clients still restart and cancel what they have scheduled.
//
// The store is tried at most once a second, however many ask, and one try at a time, so a database that hangs is asked
// once. Lifecycle: starting until begin(), stopping from end() on; close() before the store is closed.
// Thread: the server's only one. No errors.
#pragma once

#include "async/clock.h"
#include "async/condition.h"
#include "async/task_group.h"
#include "store/store.h"

#include <optional>
#include <string>

namespace afterword::monitoring {

using async::Task;

class Readiness {
 public:
  // The clock and the store outlive it.
  Readiness(async::Executor executor, async::Clock& clock, store::Store& store);

  void begin() { phase_ = Phase::serving; }
  void end() { phase_ = Phase::stopping; }

  // Not ready, because whoever operates it wants requests to go elsewhere, until that is taken back.
  void set_out_of_service(bool is_out) { is_out_of_service_ = is_out; }
  bool is_out_of_service() const { return is_out_of_service_; }

  // Nothing: it is ready. Else why not, for a person. After two seconds at most.
  Task<std::optional<std::string>> why_not();

  Task<void> close();

 private:
  enum class Phase : std::uint8_t { starting, serving, stopping };
  struct Tried {
    async::Steady when;
    std::optional<std::string> failure;
  };

  Task<void> try_store();

  async::Clock& clock_;
  store::Store& store_;
  Phase phase_ = Phase::starting;
  bool is_out_of_service_ = false;
  std::optional<Tried> last_;
  std::optional<async::Steady> trying_since_;
  async::Condition tried_;
  async::TaskGroup tasks_;
};

}  // namespace afterword::monitoring
