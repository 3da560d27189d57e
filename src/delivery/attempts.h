// Which events this process is sending: each from before it is claimed until its outcome is recorded; who waits for
// that; and which event of a room is whose. An event that is `sending` in the store and not here is another instance's.
//
// Thread: the server's only one. No errors.
#pragma once

#include "async/condition.h"
#include "domain/ids.h"

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace afterword::delivery {

class Attempts {
 public:
  explicit Attempts(async::Executor executor) : ended_(std::move(executor)) {}

  // An attempt for an event is under way as long as this lives.
  struct End {
    domain::DelayId delay_id;
    void operator()(Attempts* attempts) const { attempts->end(delay_id); }
  };
  using UnderWay = std::unique_ptr<Attempts, End>;

  // Nothing: one is under way already, and goes on as it is.
  UnderWay begin(domain::DelayId delay_id);
  std::size_t size() const { return events_.size(); }
  bool contains(domain::DelayId delay_id) const { return events_.contains(delay_id); }
  // An attempt has ended.
  async::Condition& ended() { return ended_; }

  // Takes an event of the room for this attempt. If another one has taken it, answers that one and takes nothing.
  std::optional<domain::DelayId> take_event(domain::DelayId delay_id, const domain::EventId& event_id);
  void give_back_event(domain::DelayId delay_id);

 private:
  void end(domain::DelayId delay_id);

  std::unordered_map<domain::DelayId, std::optional<domain::EventId>> events_;  // what each has taken of its room
  async::Condition ended_;
};

}  // namespace afterword::delivery
