#include "gateway/told_outcomes.h"

#include <boost/container_hash/hash.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace afterword::gateway {

using store::OutcomePosition;

namespace {

std::size_t hash_of(const TokenHolder& holder, std::string_view token) {
  std::size_t hash = 0;
  if (holder.device_id) boost::hash_combine(hash, std::hash<std::string_view>()(holder.device_id->value));
  boost::hash_combine(hash, std::hash<std::string_view>()(token));
  return hash;
}

}  // namespace

bool SomeOutcomes::has(const OutcomePosition& outcome) const {
  const auto is_it = [&](const OutcomePosition& later) { return later.delay_id == outcome.delay_id; };
  return outcome.finalised_ts < from_ || std::ranges::any_of(later_, is_it);
}

void SomeOutcomes::add(const OutcomePosition& outcome) {
  if (has(outcome)) return;
  later_.push_back(outcome);
  if (later_.size() <= max_later) return;
  const auto oldest = std::ranges::min_element(later_, {}, &OutcomePosition::finalised_ts);
  add_all_before(oldest->finalised_ts + Milliseconds(1));
}

void SomeOutcomes::add_all_before(Timestamp time) {
  from_ = std::max(from_, time);
  std::erase_if(later_, [&](const OutcomePosition& outcome) { return outcome.finalised_ts < from_; });
}

SomeOutcomes SomeOutcomes::common(const SomeOutcomes& a, const SomeOutcomes& b) {
  const auto& [fewer, more] = a.from_ <= b.from_ ? std::tie(a, b) : std::tie(b, a);
  SomeOutcomes both = fewer;
  std::erase_if(both.later_, [&more = more](const OutcomePosition& outcome) { return !more.has(outcome); });
  return both;
}

std::optional<Told> ToldOutcomes::find(const TokenHolder& holder, std::string_view token) {
  const Told* const told = use(holder.user_id, hash_of(holder, token));
  return told != nullptr ? std::optional(*told) : std::nullopt;
}

void ToldOutcomes::brings(const TokenHolder& holder, std::string_view token, const SomeOutcomes& told) {
  const std::size_t hash = hash_of(holder, token);
  if (Told* const known = use(holder.user_id, hash)) {
    // Several answers bring it, and which of them somebody has had does not show.
    known->certainly = SomeOutcomes::common(known->certainly, told);
    known->perhaps = SomeOutcomes::common(known->perhaps, told);
  } else {
    add(holder.user_id, hash, {told, told});
  }
}

void ToldOutcomes::keeps(const TokenHolder& holder, std::string_view token, Told told) {
  const std::size_t hash = hash_of(holder, token);
  if (Told* const known = use(holder.user_id, hash)) {
    known->perhaps = std::move(told.perhaps);
  } else {
    add(holder.user_id, hash, std::move(told));
  }
}

void ToldOutcomes::forget(const domain::UserId& user_id) {
  const auto found = by_user_id_.find(user_id);
  if (found == by_user_id_.end()) return;
  users_.erase(found->second);
  by_user_id_.erase(found);
}

Told* ToldOutcomes::use(const domain::UserId& user_id, std::size_t token) {
  const auto found = by_user_id_.find(user_id);
  if (found == by_user_id_.end()) return nullptr;
  users_.splice(users_.begin(), users_, found->second);
  std::vector<OfToken>& tokens = users_.front().tokens;
  const auto known = std::ranges::find(tokens, token, &OfToken::token);
  if (known == tokens.end()) return nullptr;
  std::rotate(known, known + 1, tokens.end());
  return &tokens.back().told;
}

void ToldOutcomes::add(const domain::UserId& user_id, std::size_t token, Told told) {
  if (!by_user_id_.contains(user_id)) {
    users_.push_front({user_id, {}});
    by_user_id_[user_id] = users_.begin();
  }
  std::vector<OfToken>& tokens = by_user_id_.at(user_id)->tokens;
  if (tokens.size() == max_tokens_of_user) tokens.erase(tokens.begin());
  tokens.push_back({token, std::move(told)});
  if (users_.size() <= max_users) return;
  by_user_id_.erase(users_.back().user_id);
  users_.pop_back();
}

}  // namespace afterword::gateway
