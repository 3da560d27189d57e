// A store whose verbs are slow, fail because the disk is full, or throw, when the test says so. All else it passes on.
#pragma once

#include "async/clock.h"
#include "store/forwarding_store.h"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace afterword::store::testing {

class HinderedStore final : public ForwardingStore {
 public:
  HinderedStore(async::Clock& clock, std::unique_ptr<Store> store)
      : ForwardingStore(*store), clock_(clock), store_(std::move(store)) {}

  bool disk_is_full = false;
  bool throws = false;  // as only a bug does
  // How long it takes until the verb is performed, and from then on until it is answered.
  std::chrono::milliseconds claim_begins{0};
  std::chrono::milliseconds find_active_begins{0};
  std::chrono::milliseconds adopt_answers{0};
  std::chrono::milliseconds finalise_answers{0};
  std::chrono::milliseconds list_answers{0};
  std::chrono::milliseconds write_begins{0};

  Task<StoreResult<ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                       Timestamp now) override {
    co_await clock_.sleep_for(claim_begins);
    throw_if_told();
    if (disk_is_full) co_return full();
    co_return co_await store_->claim(delay_id, std::move(caller), attempt, now);
  }
  Task<StoreResult<void>> release(DelayId delay_id) override {
    throw_if_told();
    if (disk_is_full) co_return full();
    co_return co_await store_->release(delay_id);
  }
  Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) override {
    throw_if_told();
    if (disk_is_full) co_return full();
    const auto finalised_it = co_await store_->finalise(delay_id, std::move(finalised));
    co_await clock_.sleep_for(finalise_answers);
    co_return finalised_it;
  }
  Task<StoreResult<std::vector<ActiveEvent>>> find_active(std::vector<DelayId> delay_ids) override {
    co_await clock_.sleep_for(find_active_begins);
    throw_if_told();
    if (disk_is_full) co_return full();
    co_return co_await store_->find_active(std::move(delay_ids));
  }
  Task<StoreResult<std::vector<Adopted>>> adopt() override {
    throw_if_told();
    auto adopted = co_await store_->adopt();
    co_await clock_.sleep_for(adopt_answers);
    co_return adopted;
  }
  Task<StoreResult<void>> try_to_write() override {
    co_await clock_.sleep_for(write_begins);
    throw_if_told();
    if (disk_is_full) co_return full();
    co_return co_await store_->try_to_write();
  }

 private:
  void throw_if_told() const {
    if (throws) throw std::runtime_error("a bug");
  }
  static Unavailable full() { return {"the disk is full"}; }

  async::Clock& clock_;
  std::unique_ptr<Store> store_;
};

}  // namespace afterword::store::testing
