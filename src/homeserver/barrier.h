// Proves that a homeserver shows all that it had made by then: what is not found afterwards is not there.
//
// Homeservers make events in one part and show them by another, which takes them in the order in which they were made,
// of all rooms together, and may lag by seconds or minutes: Dendrite's own, or a worker of Synapse's. So an event is
// sent to a room of Afterword's own, where nobody else is, and waited for until it shows. The room is made the first
// time, and found again among those of Afterword's user. Where several workers of Synapse answer in turn, each may lag
// on its own, and what one shows proves nothing of the others. Thread: the server's only one. The references must
// outlive it.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/json.h"
#include "http/client.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace afterword::homeserver {

struct BarrierOptions {
  std::string as_token;
  std::chrono::milliseconds time_limit{20'000};
};

enum class BarrierResult : std::uint8_t {
  passed,
  late,        // its event does not show within the time limit
  impossible,  // it has no room, or may not send there
};

class Barrier {
 public:
  Barrier(http::Client& http, async::Clock& clock, BarrierOptions options);

  async::Task<BarrierResult> pass();

  // Whether one that began after `since` had been passed by `by`.
  bool was_passed(async::Steady since, async::Steady by) const { return last_begun_ > since && last_passed_ <= by; }

 private:
  // The object that is answered with 200; nothing for any other answer.
  async::Task<std::optional<json::object>> ask(std::string method, std::string path, std::string body,
                                               async::Steady give_up);
  async::Task<bool> find_room(async::Steady give_up);

  http::Client& http_;
  async::Clock& clock_;
  const BarrierOptions options_;
  std::string room_id_;                              // empty until it is known
  async::Steady last_begun_ = async::Steady::min();  // of the last that was passed
  async::Steady last_passed_ = async::Steady::max();
};

}  // namespace afterword::homeserver
