// How many bytes of bodies are held in memory, by all who share the budget. Whoever holds some has a Share, which gives
// back what it took when it is reset or destroyed. Large bodies leave room for small ones, and these for those who may
// use the reserve; so a few that are large and slow shut nobody else out. What is tiny is not counted: it takes no more
// than its connection does.
//
// Thread: that of all its shares. It outlives them.
#pragma once

#include <algorithm>
#include <cstddef>
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

  class Share {
   public:
    explicit Share(ByteBudget& budget, bool may_use_reserve = false)
        : budget_(&budget), may_use_reserve_(may_use_reserve) {}
    Share(Share&& other) noexcept
        : budget_(other.budget_),
          may_use_reserve_(other.may_use_reserve_),
          held_bytes_(std::exchange(other.held_bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      reset();
      budget_ = other.budget_;
      may_use_reserve_ = other.may_use_reserve_;
      held_bytes_ = std::exchange(other.held_bytes_, 0);
      return *this;
    }
    ~Share() { reset(); }

    // Whether grow_to() would succeed.
    bool has_room_for(std::size_t bytes) const {
      const std::size_t eighth = budget_->limit_bytes_ / 8;
      const std::size_t left = may_use_reserve_ ? 0 : bytes <= large_bytes ? eighth : 3 * eighth;
      const std::size_t allowed = budget_->limit_bytes_ - left;
      const std::size_t others = budget_->taken_bytes_ - held_bytes_;
      return bytes <= std::max(held_bytes_, tiny_bytes) || (others <= allowed && bytes <= allowed - others);
    }

    // Holds `bytes` in all, if there is room for them.
    bool grow_to(std::size_t bytes) {
      if (!has_room_for(bytes)) return false;
      if (bytes > held_bytes_) hold(bytes);
      return true;
    }

    // Holds `bytes` in all whether there is room or not: they are in memory already.
    void hold(std::size_t bytes) {
      const std::size_t counted = bytes <= tiny_bytes ? 0 : bytes;
      budget_->taken_bytes_ += counted - held_bytes_;
      held_bytes_ = counted;
    }

    void reset() { hold(0); }

   private:
    ByteBudget* budget_;
    bool may_use_reserve_;
    std::size_t held_bytes_ = 0;
  };

 private:
  const std::size_t limit_bytes_;
  std::size_t taken_bytes_ = 0;
};

}  // namespace afterword::http
