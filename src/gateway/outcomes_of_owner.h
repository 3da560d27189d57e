// Tells the owner of delayed events, in the homeserver's answer to a sync, what has become of them (docs/protocol.md
// section 12): what was sent and what has failed, at least once. Performs what outcome_place.h and told_outcomes.h
// decide.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "domain/ids.h"
#include "gateway/outcome_question.h"
#include "gateway/told_outcomes.h"
#include "http/byte_budget.h"
#include "http/message.h"
#include "store/store.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace afterword::gateway {

// What it takes, all of which outlives the answers.
struct OutcomeSources {
  async::Clock& clock;
  store::Store& store;
  ToldOutcomes& told;
  http::ByteBudget& bodies;
};

// One question of a sync, and what its answer tells.
class OutcomeTelling {
 public:
  // In one answer. What is more comes with the next.
  static constexpr std::size_t max_events = 100;
  static constexpr std::size_t max_bytes = 256 * 1024;

  // `client`: whose share of the bodies it takes from.
  OutcomeTelling(OutcomeSources sources, TokenHolder holder, std::string client, OutcomeQuestion question);

  SyncForm form() const { return question_.form; }

  // Whether there is something that the client was not told of, for which an answer need not wait for news of the
  // homeserver's. The same client is not asked for it again: what is told then, may not be told after all. Of a client
  // of which nothing is known only an outcome of now is news.
  async::Task<bool> has_news(bool is_one_of_now);

  // The events to tell of in an answer that carries `token` (empty: it is not known yet), as JSON with commas between.
  async::Task<std::string> events(std::string token);

  // The answer is about to end, and carries this token.
  void has_told(const std::string& token);

 private:
  // Those of `positions`, the earliest first, that `told` has not, while there is room; `told` has them then.
  async::Task<std::string> tell(std::vector<store::OutcomePosition> positions, Timestamp listed, SomeOutcomes& told);

  OutcomeSources sources_;
  const TokenHolder holder_;
  const OutcomeQuestion question_;
  // What the client was told before. Nothing: that is not known, and so it is told of the latest.
  std::optional<Told> before_;
  std::optional<SomeOutcomes> after_;
  http::ByteBudget::Share room_;
};

// The answer, whose body changes while it passes. One that is compressed, or no answer to a sync, stays as it is.
async::Task<http::Response> tell_outcomes(std::shared_ptr<OutcomeTelling> telling, http::Response answer);

}  // namespace afterword::gateway
