#include "delivery/troubles.h"

#include <utility>

namespace afterword::delivery {
namespace {

constexpr int gateway_timeout = 504;

}  // namespace

domain::HomeserverError Trouble::error() const {
  if (answer) return *answer;
  return {gateway_timeout, R"({"errcode":"M_UNKNOWN","error":"The homeserver gave no answer"})"};
}

Trouble& Troubles::add(domain::DelayId delay_id, Timestamp due, async::Steady now, async::Steady open_since) {
  Trouble& trouble = troubles_.try_emplace(delay_id, Trouble{due, now}).first->second;
  if (trouble.due != due) trouble = Trouble{due, now};
  if (trouble.since < open_since) {
    trouble.since = now;
    trouble.failures = 0;
    trouble.rounds = 0;
  }
  ++trouble.failures;
  return trouble;
}

const Trouble* Troubles::find(domain::DelayId delay_id, Timestamp due) const {
  const auto found = troubles_.find(delay_id);
  return found == troubles_.end() || found->second.due != due ? nullptr : &found->second;
}

bool Troubles::is_aside(domain::DelayId delay_id, Timestamp due) const {
  const Trouble* const trouble = find(delay_id, due);
  return trouble != nullptr && trouble->is_aside;
}

Trouble* Troubles::find(domain::DelayId delay_id, Timestamp due) {
  return const_cast<Trouble*>(std::as_const(*this).find(delay_id, due));
}

}  // namespace afterword::delivery
