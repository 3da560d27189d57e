// Finds the place of an entry by 16 random bytes that the entry itself holds: so a place takes five bytes here, or ten
// when the index has just grown.
// Thread: the committing one.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace afterword::store::sqlite {

using RandomKey = std::array<std::uint8_t, 16>;

// `KeyAt` answers the key at a place: `const RandomKey& operator()(std::uint32_t) const`.
template <class KeyAt>
class PlaceIndex {
 public:
  using Place = std::uint32_t;

  explicit PlaceIndex(KeyAt key_at) : places_(0, Hash{key_at}, Equal{key_at}) {}

  std::optional<Place> find(const RandomKey& key) const {
    const auto found = places_.find(key);
    if (found == places_.end()) return std::nullopt;
    return *found;
  }
  // The key at that place is there while this lasts, and no other place has it.
  void add(Place place) { places_.insert(place); }
  void remove(Place place) { places_.erase(place); }
  std::size_t size() const { return places_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    KeyAt key_at;

    std::size_t operator()(const RandomKey& key) const {
      std::size_t value = 0;
      std::memcpy(&value, key.data(), sizeof value);
      return value;
    }
    std::size_t operator()(Place place) const { return (*this)(key_at(place)); }
  };
  struct Equal {
    using is_transparent = void;
    KeyAt key_at;

    bool operator()(Place place, const RandomKey& key) const { return key_at(place) == key; }
    bool operator()(const RandomKey& key, Place place) const { return key_at(place) == key; }
    bool operator()(Place left, Place right) const { return left == right || key_at(left) == key_at(right); }
  };

  boost::unordered_flat_set<Place, Hash, Equal> places_;
};

}  // namespace afterword::store::sqlite
