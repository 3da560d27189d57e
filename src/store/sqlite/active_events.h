// The events that are scheduled or sending, in memory: all that a request, a timer and the limit ask of them but what
// is to be sent, in about 100 bytes an event. They are found here alone: the file has no index of them by delay_id,
// transaction or user, for each of those would be a page more to write for every event that is scheduled.
//
// It changes within a transaction and follows its end: keep() when it is committed, roll_back() when it is not.
// Thread: the committing one.
#pragma once

#include "domain/decisions.h"
#include "store/sqlite/place_index.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
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
    const std::optional<domain::TransactionKey>& transaction;
    const domain::UserId& user_id;
    const domain::RoomId& room_id;
    std::int64_t row;
    domain::Timing timing;
    bool sending;
  };

  ActiveEvents() = default;
  // The indexes look into the entries.
  ActiveEvents(const ActiveEvents&) = delete;
  ActiveEvents& operator=(const ActiveEvents&) = delete;

  // Neither its delay_id nor its transaction is there.
  void add(const NewEvent& event);
  void remove(Place place);
  // Changes one slot, but neither its row, user nor room.
  void change(Place place, const Slot& slot);

  std::optional<Place> find(const domain::DelayId& delay_id) const;
  std::optional<Place> find(const domain::TransactionKey& transaction) const;
  const Slot& at(Place place) const { return entries_[place].slot; }
  domain::DelayId id_of(Place place) const { return domain::DelayId(entries_[place].delay_id); }
  const std::string& user_of(const Slot& slot) const { return users_.text(slot.user); }
  const std::string& room_of(const Slot& slot) const { return rooms_.text(slot.room); }

  std::size_t size() const { return by_id_.size(); }
  std::size_t sending() const { return sending_; }  // of those
  std::uint32_t count_of(const domain::UserId& user_id) const { return users_.uses(user_id.value); }
  // As long as both are the same, so are the user's events: none has come or gone.
  struct User {
    std::uint32_t place;
    std::uint32_t version;
  };
  std::optional<User> find(const domain::UserId& user_id) const;
  // The user's, in no order.
  std::vector<Place> all_of(const domain::UserId& user_id) const;
  // The room's, in no order. Looks at every event.
  std::vector<Place> all_of(const domain::RoomId& room_id) const;
  // Every slot has a place below this.
  Place end() const { return static_cast<Place>(entries_.size()); }

  template <class Visit>  // (Place, const Slot&)
  void for_each(Visit visit) const {
    for (Place place = 0; place < end(); ++place) {
      if (at(place).row != 0) visit(place, at(place));
    }
  }

  void keep();
  void roll_back();

 private:
  static constexpr Place none = std::numeric_limits<Place>::max();

  struct Entry {
    Slot slot;
    RandomKey delay_id{};
    RandomKey transaction{};  // the first half of its digest; all zero: it has none
    Place previous = none;    // among its user's events
    Place next = none;
  };
  using Entries = std::deque<Entry>;
  // What indexes read of the entries.
  template <RandomKey Entry::*key>
  struct KeyAt {
    const Entries* entries;
    const RandomKey& operator()(Place place) const { return (*entries)[place].*key; }
  };

  struct Undo {
    enum class Of : std::uint8_t { addition, removal, change } of;
    Place place;
    Entry before;
  };

  void put(Place place, const Entry& entry);
  void take_out(Place place);
  void write(Place place, const Slot& slot);
  void link(Place place);
  void unlink(Place place);

  Entries entries_;
  std::vector<Place> free_;  // a stack, so that undoing in reverse order finds each slot free again
  PlaceIndex<KeyAt<&Entry::delay_id>> by_id_{{&entries_}};
  PlaceIndex<KeyAt<&Entry::transaction>> by_transaction_{{&entries_}};
  SharedTexts users_;
  SharedTexts rooms_;
  std::vector<Place> first_of_user_;  // by the place of its text
  std::size_t sending_ = 0;
  std::vector<Undo> undo_;
};

}  // namespace afterword::store::sqlite
