#include "store/sqlite/active_events.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace afterword::store::sqlite {
namespace {

// Half of the digest is as good as all of it: nobody makes two that are alike.
RandomKey key_of(const domain::TransactionKey& transaction) {
  RandomKey key{};
  std::copy_n(transaction.digest.begin(), key.size(), key.begin());
  return key;
}

}  // namespace

std::uint32_t SharedTexts::add(const std::string& text) {
  const auto known = places_.find(text);
  if (known != places_.end()) {
    add_again(known->second);
    return known->second;
  }
  std::uint32_t place = 0;
  if (free_.empty()) {
    place = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  entries_[place].text = text;
  add_again(place);
  places_.emplace(text, place);
  return place;
}

void SharedTexts::drop(std::uint32_t place) {
  ++entries_[place].version;
  if (--entries_[place].uses == 0) unused_.push_back(place);
}

std::uint32_t SharedTexts::uses(const std::string& text) const {
  const auto place = place_of(text);
  return place ? entries_[*place].uses : 0;
}

std::optional<std::uint32_t> SharedTexts::place_of(const std::string& text) const {
  const auto known = places_.find(text);
  if (known == places_.end()) return std::nullopt;
  return known->second;
}

void SharedTexts::forget_unused() {
  for (const auto place : unused_) {
    Entry& entry = entries_[place];
    // Used again since, or listed twice.
    if (entry.uses != 0 || entry.text.empty()) continue;
    places_.erase(entry.text);
    entry.text = std::string();
    free_.push_back(place);
  }
  unused_.clear();
}

void ActiveEvents::add(const NewEvent& event) {
  Entry entry;
  entry.slot.row = event.row;
  entry.slot.delayed_since = event.timing.delayed_since;
  entry.slot.delay_ms = event.timing.delay.count();
  entry.slot.sending = event.sending;
  entry.slot.user = users_.add(event.user_id.value);
  entry.slot.room = rooms_.add(event.room_id.value);
  entry.delay_id = event.delay_id.bytes();
  if (event.transaction) entry.transaction = key_of(*event.transaction);

  Place place = end();
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  put(place, entry);
  undo_.push_back({Undo::Of::addition, place, {}});
}

void ActiveEvents::remove(Place place) {
  undo_.push_back({Undo::Of::removal, place, entries_[place]});
  users_.drop(at(place).user);
  rooms_.drop(at(place).room);
  take_out(place);
  free_.push_back(place);
}

void ActiveEvents::change(Place place, const Slot& slot) {
  undo_.push_back({Undo::Of::change, place, {at(place), {}, {}, none, none}});
  write(place, slot);
}

// Puts an entry into a free place.
void ActiveEvents::put(Place place, const Entry& entry) {
  Entry& there = entries_[place];
  there.delay_id = entry.delay_id;
  there.transaction = entry.transaction;
  write(place, entry.slot);
  by_id_.add(place);
  if (there.transaction != RandomKey{}) by_transaction_.add(place);
  link(place);
}

void ActiveEvents::take_out(Place place) {
  unlink(place);
  if (entries_[place].transaction != RandomKey{}) by_transaction_.remove(place);
  by_id_.remove(place);
  write(place, {});
}

void ActiveEvents::write(Place place, const Slot& slot) {
  Slot& there = entries_[place].slot;
  if (there.sending) --sending_;
  if (slot.sending) ++sending_;
  there = slot;
}

void ActiveEvents::link(Place place) {
  const std::uint32_t user = at(place).user;
  if (user >= first_of_user_.size()) first_of_user_.resize(user + std::size_t{1}, none);
  Entry& entry = entries_[place];
  entry.previous = none;
  entry.next = std::exchange(first_of_user_[user], place);
  if (entry.next != none) entries_[entry.next].previous = place;
}

void ActiveEvents::unlink(Place place) {
  const Entry& entry = entries_[place];
  if (entry.next != none) entries_[entry.next].previous = entry.previous;
  (entry.previous == none ? first_of_user_[entry.slot.user] : entries_[entry.previous].next) = entry.next;
}

std::optional<ActiveEvents::Place> ActiveEvents::find(const domain::DelayId& delay_id) const {
  return by_id_.find(delay_id.bytes());
}

std::optional<ActiveEvents::Place> ActiveEvents::find(const domain::TransactionKey& transaction) const {
  return by_transaction_.find(key_of(transaction));
}

std::optional<ActiveEvents::User> ActiveEvents::find(const domain::UserId& user_id) const {
  const auto place = users_.place_of(user_id.value);
  if (!place) return std::nullopt;
  return User{*place, users_.version(*place)};
}

std::vector<ActiveEvents::Place> ActiveEvents::all_of(const domain::UserId& user_id) const {
  std::vector<Place> found;
  const auto user = users_.place_of(user_id.value);
  if (!user) return found;
  found.reserve(users_.uses(user_id.value));
  for (Place place = first_of_user_[*user]; place != none; place = entries_[place].next) found.push_back(place);
  return found;
}

std::vector<ActiveEvents::Place> ActiveEvents::all_of(const domain::RoomId& room_id) const {
  std::vector<Place> found;
  const auto room = rooms_.place_of(room_id.value);
  if (!room) return found;
  found.reserve(rooms_.uses(room_id.value));
  for_each([&](Place place, const Slot& slot) {
    if (slot.room == *room) found.push_back(place);
  });
  return found;
}

void ActiveEvents::keep() {
  undo_.clear();
  users_.forget_unused();
  rooms_.forget_unused();
}

void ActiveEvents::roll_back() {
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) {
    const Slot slot = at(undo->place);
    switch (undo->of) {
      case Undo::Of::addition:
        users_.drop(slot.user);
        rooms_.drop(slot.room);
        take_out(undo->place);
        free_.push_back(undo->place);
        break;
      case Undo::Of::removal:
        assert(free_.back() == undo->place);
        free_.pop_back();
        users_.add_again(undo->before.slot.user);
        rooms_.add_again(undo->before.slot.room);
        put(undo->place, undo->before);
        break;
      case Undo::Of::change:
        write(undo->place, undo->before.slot);
        break;
    }
  }
  keep();
}

}  // namespace afterword::store::sqlite
