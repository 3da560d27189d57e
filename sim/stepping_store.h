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
#include <memory>
#include <optional>
#include <vector>

namespace afterword::sim {

struct StoreFaults {
  bool network = false;  // it is another process: verbs take time
  double away = 0;       // of each verb: it does not take effect
  double answer_lost = 0;
};

class SteppingStore final : public store::ForwardingStore {
 public:
  // What a simulated process asks of its store. Each verb has two steps: it is asked, and it is performed.
  static constexpr std::array verbs{"adopt",     "cancel", "claim",   "finalise", "find_sent", "find_transaction",
                                    "save_time", "look",   "look_up", "prune",    "release",   "restart",
                                    "schedule"};

  SteppingStore(Node& node, store::Store& store, Steps& steps, Random random, const StoreFaults& faults)
      : ForwardingStore(store), node_(node), store_(store), steps_(steps), random_(random), faults_(faults) {}

  Task<store::StoreResult<ServerTime>> save_time(MachineTime machine) override;
  Task<store::StoreResult<std::optional<domain::DelayId>>> find_transaction(
      const domain::TransactionKey& transaction) override;
  Task<store::StoreResult<store::ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                                           std::optional<std::uint32_t> max_scheduled) override;
  Task<store::StoreResult<store::ActionAnswer>> restart(domain::DelayId delay_id, std::optional<domain::UserId> caller,
                                                        Timestamp now) override;
  Task<store::StoreResult<store::ActionAnswer>> cancel(domain::DelayId delay_id, std::optional<domain::UserId> caller,
                                                       Timestamp now) override;
  Task<store::StoreResult<std::uint64_t>> cancel_all(domain::UserId user_id, Timestamp now) override;
  Task<store::StoreResult<store::ClaimAnswer>> claim(domain::DelayId delay_id, std::optional<domain::UserId> caller,
                                                     domain::Attempt attempt, Timestamp now) override;
  Task<store::StoreResult<void>> release(domain::DelayId delay_id) override;
  Task<store::StoreResult<void>> finalise(domain::DelayId delay_id, domain::Finalised finalised) override;
  Task<store::StoreResult<std::vector<store::Look>>> look(std::vector<domain::DelayId> delay_ids) override;
  Task<store::StoreResult<std::vector<store::Active>>> adopt() override;
  Task<store::StoreResult<std::optional<domain::DelayedEvent>>> look_up(domain::DelayId delay_id,
                                                                        std::optional<domain::UserId> caller) override;
  Task<store::StoreResult<store::ListPage>> list(domain::UserId user_id, store::ListQuery query) override;
  Task<store::StoreResult<bool>> has_sent(domain::UserId user_id) override;
  Task<store::StoreResult<std::vector<store::SentEvent>>> find_sent(domain::UserId user_id,
                                                                    std::vector<domain::EventId> event_ids) override;
  Task<store::StoreResult<bool>> prune(domain::Retention retention, Timestamp now) override;

 private:
  enum class WhenLost : std::uint8_t { unavailable, asked_again };

  template <class T>
  Task<store::StoreResult<T>> step(std::string_view verb, Task<store::StoreResult<T>> performing,
                                   WhenLost when_lost = WhenLost::asked_again);
  // `verb` and `moment` are literals, and so outlive the task.
  Task<void> pass(std::string_view verb, std::string_view moment);

  Node& node_;
  store::Store& store_;
  Steps& steps_;
  Random random_;
  const StoreFaults& faults_;
};

}  // namespace afterword::sim
