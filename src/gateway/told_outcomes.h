// Which outcomes of their delayed events each client was told of, by the homeserver's tokens that the answers carried
// (docs/protocol.md section 12). A client shows with a token which answer it has had. What one device was told says
// nothing of another, although a homeserver may give both the same token.
//
// All of it is in memory and bounded: what is not known any more is told again. Thread: the server's only one.
#pragma once

#include "base/time.h"
#include "store/store.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace afterword::gateway {

// A set of one user's outcomes: all before some time, and some of the later ones.
class SomeOutcomes {
 public:
  // An outcome may be recorded so much later than its time says, and is not missed yet.
  static constexpr Milliseconds slack{60'000};
  // Of the later ones. Of more within the slack, one that is recorded late may be missed.
  static constexpr std::size_t max_later = 256;

  Timestamp from() const { return from_; }
  bool has(const store::OutcomePosition& outcome) const;

  void add(const store::OutcomePosition& outcome);
  // All before that time.
  void add_all_before(Timestamp time);

  // What both have.
  static SomeOutcomes common(const SomeOutcomes& a, const SomeOutcomes& b);

 private:
  Timestamp from_ = Timestamp::min();
  std::vector<store::OutcomePosition> later_;  // in no order
};

// What whoever has a token was told: certainly, and if they have had every answer. The second is more where answers
// carried the very token that they were asked with, which shows nothing.
struct Told {
  SomeOutcomes certainly;
  SomeOutcomes perhaps;
};

// Who has a token: the device of a user, if it is known.
struct TokenHolder {
  domain::UserId user_id;
  std::optional<domain::DeviceId> device_id;
};

class ToldOutcomes {
 public:
  static constexpr std::size_t max_users = 20'000;       // who asked last
  static constexpr std::size_t max_tokens_of_user = 32;  // that were used last

  // Nothing: it is not known.
  std::optional<Told> find(const TokenHolder& holder, std::string_view token);

  // An answer brings this token to its holder, who has been told of `told` then.
  void brings(const TokenHolder& holder, std::string_view token, const SomeOutcomes& told);
  // An answer brings nothing but the token that it was asked with.
  void keeps(const TokenHolder& holder, std::string_view token, Told told);

  void forget(const domain::UserId& user_id);

 private:
  struct OfToken {
    std::size_t token;  // its hash and the device's: what another user has is apart
    Told told;
  };
  struct OfUser {
    domain::UserId user_id;
    std::vector<OfToken> tokens;  // that was used last at the end
  };

  // What is known of it, as what was used last; null if it is not.
  Told* use(const domain::UserId& user_id, std::size_t token);
  void add(const domain::UserId& user_id, std::size_t token, Told told);

  std::list<OfUser> users_;  // who asked last first
  std::unordered_map<domain::UserId, std::list<OfUser>::iterator> by_user_id_;
};

}  // namespace afterword::gateway
