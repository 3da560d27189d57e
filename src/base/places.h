// Places for what is under way at the same time: so many altogether, and so many for each key, so that no key takes
// what the others need.
//
// Keys without a place taken are forgotten. It must outlive the places that it has given. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

namespace afterword {

template <class Key, class Hash = std::hash<Key>>
class Places {
 public:
  // Gives itself back when it goes.
  class Place {
   public:
    Place(Place&& other) noexcept : places_(std::exchange(other.places_, nullptr)), key_(std::move(other.key_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (places_) places_->give_back(key_);
    }

   private:
    friend class Places;
    Place(Places& places, Key key) : places_(&places), key_(std::move(key)) {}

    Places* places_;
    Key key_;
  };

  Places(std::size_t max_taken, std::size_t max_taken_per_key)
      : max_taken_(max_taken), max_taken_per_key_(max_taken_per_key) {}

  // Nothing: all places are taken, or all of this key.
  std::optional<Place> take_place(const Key& key) {
    if (taken_ >= max_taken_) return std::nullopt;
    const auto of_key = taken_of_.try_emplace(key, 0).first;
    if (of_key->second >= max_taken_per_key_) return std::nullopt;
    ++of_key->second;
    ++taken_;
    return Place(*this, key);
  }

  std::size_t taken() const { return taken_; }

 private:
  void give_back(const Key& key) {
    --taken_;
    const auto of_key = taken_of_.find(key);
    if (--of_key->second == 0) taken_of_.erase(of_key);
  }

  const std::size_t max_taken_;
  const std::size_t max_taken_per_key_;
  std::size_t taken_ = 0;
  std::unordered_map<Key, std::size_t, Hash> taken_of_;
};

}  // namespace afterword
