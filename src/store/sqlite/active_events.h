// The events that are scheduled or sending, in memory: all that a heartbeat, a timer and the limit ask of them, in
// under 100 bytes an event.
//
// It changes within a transaction and follows its end: keep() when it is committed, roll_back() when it is not.
// Thread: the committing one.
#pragma once

#include "domain/decisions.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::store::sqlite {

// Texts that many events share, each kept once and counted.
class SharedTexts {
 public:
  std::uint32_t add(const std::string& text);
  void add_again(std::uint32_t place) {
    ++entries_[place].uses;
    ++entries_[place].version;
  }
  void drop(std::uint32_t place);

  const std::string& text(std::uint32_t place) const { return entries_[place].text; }
  std::uint32_t uses(const std::string& text) const;
  std::optional<std::uint32_t> place_of(const std::string& text) const;
  // Another one whenever a use was added or dropped.
  std::uint32_t version(std::uint32_t place) const { return entries_[place].version; }

  // Forgets those that nothing uses. Until then a drop can be undone.
  void forget_unused();

 private:
  struct Entry {
    std::string text;
    std::uint32_t uses = 0;
    std::uint32_t version = 0;  // goes on when another text takes the place
  };
  std::deque<Entry> entries_;
  boost::unordered_flat_map<std::string, std::uint32_t> places_;
  std::vector<std::uint32_t> unused_;
  std::vector<std::uint32_t> free_;
};

class ActiveEvents {
 public:
  struct Slot {
    std::int64_t row = 0;  // its id in the table of events; 0: the slot is free
    Timestamp delayed_since;
    std::int64_t delay_ms : 62 = 0;
    bool sending : 1 = false;
    bool journaled : 1 = false;  // delayed_since is in the journal alone, not yet folded (journal.h)
    std::uint32_t user = 0;
    std::uint32_t room = 0;

    domain::Timing timing() const { return {delayed_since, Milliseconds(delay_ms)}; }
    domain::State state() const { return sending ? domain::State::sending : domain::State::scheduled; }
    domain::Standing standing() const { return {state(), timing()}; }
  };
  static_assert(sizeof(Slot) == 32);
  using Place = std::uint32_t;

  struct NewEvent {
    const domain::DelayId& delay_id;
    const domain::UserId& user_id;
    const domain::RoomId& room_id;
    std::int64_t row;
    domain::Timing timing;
    bool sending;
  };

  void add(const NewEvent& event);
  void remove(const domain::DelayId& delay_id);
  // Changes one slot, but neither its row, user nor room.
  void change(Place place, const Slot& slot);

  std::optional<Place> find(const domain::DelayId& delay_id) const;
  const Slot& at(Place place) const { return slots_[place]; }
  const std::string& user_of(const Slot& slot) const { return users_.text(slot.user); }
  const std::string& room_of(const Slot& slot) const { return rooms_.text(slot.room); }

  std::size_t size() const { return places_.size(); }
  std::size_t sending() const { return sending_; }  // of those
  std::uint32_t count_of(const domain::UserId& user_id) const { return users_.uses(user_id.value); }
  // As long as both are the same, so are the user's events: none has come or gone.
  struct User {
    std::uint32_t place;
    std::uint32_t version;
  };
  std::optional<User> find(const domain::UserId& user_id) const;
  // Every slot has a place below this.
  Place end() const { return static_cast<Place>(slots_.size()); }

  template <class Visit>  // (const DelayId&, const Slot&)
  void for_each(Visit visit) const {
    for (const auto& [delay_id, place] : places_) visit(delay_id, slots_[place]);
  }

  void keep();
  void roll_back();

 private:
  struct Undo {
    enum class Of : std::uint8_t { addition, removal, change } of;
    Place place;
    Slot before;
    domain::DelayId delay_id;
  };

  void write(Place place, const Slot& slot);

  boost::unordered_flat_map<domain::DelayId, Place, std::hash<domain::DelayId>> places_;
  std::deque<Slot> slots_;
  std::vector<Place> free_;  // a stack, so that undoing in reverse order finds each slot free again
  SharedTexts users_;
  SharedTexts rooms_;
  std::size_t sending_ = 0;
  std::vector<Undo> undo_;
};

}  // namespace afterword::store::sqlite
