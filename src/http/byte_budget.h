// How many bytes of bodies are held in memory, by all who share the budget. Whoever holds some has a Share, which gives
// back what it took when it is reset or destroyed. Large bodies leave room for small ones, and these for those who may
// use the reserve; so a few that are large and slow shut nobody else out. Nor does anybody alone: an owner has a third
// of what there is of each kind. What is tiny is not counted: it takes no more than its connection does.
//
// Thread: that of all its shares. It outlives them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

namespace afterword::http {

class ByteBudget {
 public:
  static constexpr std::size_t tiny_bytes = 4 * 1024;      // at most
  static constexpr std::size_t large_bytes = 1024 * 1024;  // more than

  // An eighth of the limit is the reserve, and a quarter is left for small bodies.
  explicit ByteBudget(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  std::size_t taken_bytes() const { return taken_bytes_; }
  std::uint64_t refusals() const { return refusals_; }  // how often there was no room

  class Share {
   public:
    // `owner` as client_address() tells it; empty: nobody in particular, who may take what there is.
    explicit Share(ByteBudget& budget, std::string owner = {}, bool may_use_reserve = false)
        : budget_(&budget), owner_(std::move(owner)), may_use_reserve_(may_use_reserve) {}
    Share(Share&& other) noexcept
        : budget_(other.budget_),
          owner_(std::move(other.owner_)),
          may_use_reserve_(other.may_use_reserve_),
          held_bytes_(std::exchange(other.held_bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      reset();
      budget_ = other.budget_;
      owner_ = std::move(other.owner_);
      may_use_reserve_ = other.may_use_reserve_;
      held_bytes_ = std::exchange(other.held_bytes_, 0);
      return *this;
    }
    ~Share() { reset(); }

    // Whether grow_to() would succeed.
    bool has_room_for(std::size_t bytes) const {
      if (bytes <= std::max(held_bytes_, tiny_bytes)) return true;
      const std::size_t eighth = budget_->limit_bytes_ / 8;
      const std::size_t left = may_use_reserve_ ? 0 : bytes <= large_bytes ? eighth : 3 * eighth;
      const std::size_t allowed = budget_->limit_bytes_ - left;
      const auto fits = [&](std::size_t taken, std::size_t most) { return taken - held_bytes_ + bytes <= most; };
      return fits(budget_->taken_bytes_, allowed) && (owner_.empty() || fits(budget_->taken_by(owner_), allowed / 3));
    }

    // Holds `bytes` in all, if there is room for them.
    bool grow_to(std::size_t bytes) {
      if (!has_room_for(bytes)) {
        ++budget_->refusals_;
        return false;
      }
      if (bytes > held_bytes_) hold(bytes);
      return true;
    }

    // Holds `bytes` in all whether there is room or not: they are in memory already.
    void hold(std::size_t bytes) {
      const std::size_t counted = bytes <= tiny_bytes ? 0 : bytes;
      if (counted == held_bytes_) return;
      budget_->count(owner_, held_bytes_, counted);
      held_bytes_ = counted;
    }

    void reset() { hold(0); }
    bool holds_any() const { return held_bytes_ > 0; }

   private:
    ByteBudget* budget_;
    std::string owner_;
    bool may_use_reserve_;
    std::size_t held_bytes_ = 0;
  };

 private:
  std::size_t taken_by(const std::string& owner) const {
    const auto found = taken_by_.find(owner);
    return found == taken_by_.end() ? 0 : found->second;
  }

  void count(const std::string& owner, std::size_t before, std::size_t now) {
    taken_bytes_ += now - before;
    if (owner.empty()) return;
    const auto place = taken_by_.try_emplace(owner, 0).first;
    place->second += now - before;
    if (place->second == 0) taken_by_.erase(place);
  }

  const std::size_t limit_bytes_;
  std::size_t taken_bytes_ = 0;
  std::uint64_t refusals_ = 0;
  std::unordered_map<std::string, std::size_t> taken_by_;  // by owner; none that holds nothing
};

}  // namespace afterword::http
