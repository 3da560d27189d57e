#include "store/sqlite/active_events.h"

#include <cassert>

namespace afterword::store::sqlite {

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
  Slot slot;
  slot.row = event.row;
  slot.delayed_since = event.timing.delayed_since;
  slot.delay_ms = event.timing.delay.count();
  slot.sending = event.sending;
  slot.user = users_.add(event.user_id.value);
  slot.room = rooms_.add(event.room_id.value);

  Place place = end();
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  write(place, slot);
  places_.emplace(event.delay_id, place);
  undo_.push_back({Undo::Of::addition, place, {}, event.delay_id});
}

void ActiveEvents::remove(const domain::DelayId& delay_id) {
  const auto found = places_.find(delay_id);
  assert(found != places_.end());
  const Place place = found->second;
  undo_.push_back({Undo::Of::removal, place, slots_[place], delay_id});
  users_.drop(slots_[place].user);
  rooms_.drop(slots_[place].room);
  write(place, {});
  free_.push_back(place);
  places_.erase(found);
}

void ActiveEvents::change(Place place, const Slot& slot) {
  undo_.push_back({Undo::Of::change, place, slots_[place], {}});
  write(place, slot);
}

void ActiveEvents::write(Place place, const Slot& slot) {
  if (slots_[place].sending) --sending_;
  if (slot.sending) ++sending_;
  slots_[place] = slot;
}

std::optional<ActiveEvents::Place> ActiveEvents::find(const domain::DelayId& delay_id) const {
  const auto found = places_.find(delay_id);
  if (found == places_.end()) return std::nullopt;
  return found->second;
}

std::optional<ActiveEvents::User> ActiveEvents::find(const domain::UserId& user_id) const {
  const auto place = users_.place_of(user_id.value);
  if (!place) return std::nullopt;
  return User{*place, users_.version(*place)};
}

void ActiveEvents::keep() {
  undo_.clear();
  users_.forget_unused();
  rooms_.forget_unused();
}

void ActiveEvents::roll_back() {
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) {
    const Slot slot = slots_[undo->place];
    switch (undo->of) {
      case Undo::Of::addition:
        users_.drop(slot.user);
        rooms_.drop(slot.room);
        write(undo->place, {});
        free_.push_back(undo->place);
        places_.erase(undo->delay_id);
        break;
      case Undo::Of::removal:
        assert(free_.back() == undo->place);
        free_.pop_back();
        write(undo->place, undo->before);
        users_.add_again(undo->before.user);
        rooms_.add_again(undo->before.room);
        places_.emplace(undo->delay_id, undo->place);
        break;
      case Undo::Of::change:
        write(undo->place, undo->before);
        break;
    }
  }
  keep();
}

}  // namespace afterword::store::sqlite
