// A store that remembers who has sent delayed events, so that it need not ask each time somebody reads.
//
// What has_sent() answers is right at once for whatever this process sends: whose event is claimed here, or sent on
// from an earlier claim, counts as one who has sent. What another instance sends for somebody who had sent nothing
// before, and what retention forgets, is noticed after a while: KnownSendersOptions.
//
// Lifecycle and thread: those of the store that it passes all else on to.
#pragma once

#include "async/clock.h"
#include "store/forwarding_store.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

namespace afterword::store {

struct KnownSendersOptions {
  // How long somebody counts as one who has sent, and as one who has not.
  std::chrono::milliseconds sent_time = std::chrono::hours(1);
  std::chrono::milliseconds not_sent_time = std::chrono::minutes(10);
  std::size_t max_users = 100'000;  // the most recently asked about
};

class KnownSenders final : public ForwardingStore {
 public:
  KnownSenders(async::Clock& clock, Store& store, KnownSendersOptions options = {});
  ~KnownSenders() override;

  // Whether any delayed event of the user is kept that was sent.
  Task<StoreResult<bool>> has_sent(UserId user_id);

  Task<StoreResult<ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                       Timestamp now) override;
  Task<StoreResult<std::optional<domain::DelayedEvent>>> look_up(DelayId delay_id,
                                                                 std::optional<UserId> caller) override;

  // Without asking: what was heard last, however long ago.
  bool is_known_to_have_sent(const UserId& user_id) const;

 private:
  struct Users;

  void remember(const UserId& user_id, bool has_sent);

  async::Clock& clock_;
  const KnownSendersOptions options_;
  std::unique_ptr<Users> users_;
};

}  // namespace afterword::store
