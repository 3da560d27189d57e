// A homeserver whose verbs are counted and timed on their way to another one.
//
// The other one outlives it. Thread and errors: as the other's.
#pragma once

#include "async/clock.h"
#include "base/histogram.h"
#include "homeserver/homeserver.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace afterword::homeserver {

// How it went. A refusal is an answer as well.
inline constexpr std::array<std::string_view, 2> question_outcomes{"answered", "unanswered"};

struct VerbFigures {
  std::string_view name;
  std::array<std::uint64_t, question_outcomes.size()> questions{};
  Histogram seconds{seconds_bounds};
};

class Measured final : public Homeserver {
 public:
  Measured(Homeserver& homeserver, async::Clock& clock) : homeserver_(homeserver), clock_(clock) {}

  using Figures = std::array<VerbFigures, 6>;
  const Figures& figures() const { return figures_; }

  Task<std::optional<NotArrived>> prepare(domain::DelayId delay_id) override;
  Task<SendAnswer> send(domain::DelayId delay_id, const domain::EventToSend& event, domain::Attempt attempt,
                        Milliseconds time_limit) override;
  Task<LookAnswer> look_for(domain::DelayId delay_id, const domain::EventToSend& event,
                            domain::Attempt attempt) override;
  Task<Flush> flush_queue(const domain::EventToSend& event) override;
  Task<WayAnswer> ask_way(domain::UserId owner) override;
  Task<WhoamiAnswer> whoami(Credentials credentials, http::Headers about_client) override;

 private:
  enum class Verb : std::uint8_t { prepare, send, look_for, flush_queue, ask_way, whoami };
  template <class Answer>
  Task<Answer> measure(Verb verb, Task<Answer> asking);

  Homeserver& homeserver_;
  async::Clock& clock_;
  Figures figures_{{{"prepare"}, {"send"}, {"look_for"}, {"flush_queue"}, {"ask_way"}, {"whoami"}}};
};

}  // namespace afterword::homeserver
