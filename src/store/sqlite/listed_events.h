// What lists have read of users' active events, kept for the next list: which events are theirs, and what is to be sent
// of those that were shown. That never changes while an event is active; what does is in ActiveEvents. What is kept of
// a user holds until an event of theirs comes or goes.
//
// It takes a bounded room, and forgets everything when that is full. Thread: the committing one.
#pragma once

#include "domain/delayed_event.h"
#include "store/sqlite/active_events.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <utility>
#include <vector>

namespace afterword::store::sqlite {

class ListedEvents {
 public:
  struct Event {
    domain::DelayId delay_id;
    ActiveEvents::Place place;
    std::shared_ptr<const domain::EventToSend> event{};  // null: it has not been read
    Timestamp due = Timestamp::max();                    // at the last list, by which they are in order; max: none yet
  };
  using Events = std::vector<Event>;

  // All that are active of the user; `find_all` answers them where they are not known. Until the next call.
  template <class FindAll>
  Events& of(ActiveEvents::User user, FindAll find_all) {
    if (held_bytes_ > max_bytes) forget_all();
    const auto kept = users_.find(user.place);
    if (kept != users_.end() && kept->second.version == user.version) return kept->second.events;
    Events events = find_all();
    held_bytes_ += events.size() * sizeof(Event);
    Kept& fresh = users_[user.place];
    fresh = {user.version, std::move(events)};
    return fresh.events;
  }

  // If there is room for it. `listed` is one of the user's.
  void keep(ActiveEvents::User user, Event& listed, const domain::EventToSend& event);

 private:
  static constexpr std::size_t max_bytes = 4 * 1024 * 1024;

  using Texts = std::forward_list<domain::EventToSend>;
  struct Kept {
    std::uint32_t version = 0;
    Events events{};
    // What was read of them. Whoever is given one of it holds all: that is one count for a page, which ends on another
    // thread than it was made by.
    std::shared_ptr<Texts> read = std::make_shared<Texts>();
  };

  void forget_all();

  boost::unordered_flat_map<std::uint32_t, Kept> users_;  // by their place in ActiveEvents
  std::size_t held_bytes_ = 0;                            // what no longer holds is counted until all is forgotten
};

}  // namespace afterword::store::sqlite
