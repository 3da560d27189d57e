// A store whose verbs take steps: each begins, is performed, and is answered at moments of their own, between which the
// process may be killed. A database behind a network may also take its time or be away, and lose the answer to a verb
// that took effect: it then says `Unavailable` of what changes nothing that is not asked again (schedule, restart,
// cancel), and asks again itself for the rest.
#pragma once

#include "sim/random.h"
#include "sim/simulation.h"
#include "sim/steps.h"
#include "store/forwarding_store.h"

#include <array>
#include <chrono>
#include <string_view>
#include <utility>

namespace afterword::sim {

struct StoreFaults {
  bool network = false;  // it is another process: verbs take time
  double away = 0;       // of each verb: it does not take effect
  double answer_lost = 0;
};

class SteppingStore final : public store::StoreDecorator<SteppingStore> {
 public:
  // What a simulated process asks of its store. Each verb has two steps: it is asked, and it is performed.
  static constexpr std::array verbs{"adopt",     "cancel",      "claim",   "finalise", "find_sent", "find_transaction",
                                    "save_time", "find_active", "look_up", "prune",    "release",   "restart",
                                    "schedule"};

  SteppingStore(Node& node, store::Store& store, Steps& steps, Random random, const StoreFaults& faults)
      : StoreDecorator(store), node_(node), steps_(steps), random_(random), faults_(faults) {}

  // `verb` is a literal, and so outlives the task.
  template <class T>
  Task<store::StoreResult<T>> around(const char* verb, Task<store::StoreResult<T>> performing) {
    using namespace std::chrono_literals;
    co_await pass(verb, "asked");
    if (faults_.away > 0 && random_.chance(faults_.away)) {
      co_await node_.clock().sleep_for(1s);
      co_return store::Unavailable{"the database is away"};
    }
    auto answer = co_await std::move(performing);
    co_await pass(verb, "performed");
    if (faults_.answer_lost > 0 && random_.chance(faults_.answer_lost)) {
      co_await node_.clock().sleep_for(2s);
      if (!is_asked_again(verb)) co_return store::Unavailable{"the connection to the database broke"};
    }
    co_return answer;
  }

 private:
  static bool is_asked_again(std::string_view verb) {
    return verb != "schedule" && verb != "restart" && verb != "cancel";
  }
  // Both are literals.
  Task<void> pass(std::string_view verb, std::string_view moment);

  Node& node_;
  Steps& steps_;
  Random random_;
  const StoreFaults& faults_;
};

}  // namespace afterword::sim
