#include "store/sqlite/listed_events.h"

namespace afterword::store::sqlite {

void ListedEvents::keep(ActiveEvents::User user, Event& listed, const domain::EventToSend& event) {
  const std::size_t texts = event.user_id.value.size() + event.room_id.value.size() + event.type.size() +
                            event.state_key.size() + event.redacts.value.size() + event.content.size();
  held_bytes_ += sizeof event + texts;
  if (held_bytes_ > max_bytes) return;  // the next list begins anew
  const auto& read = users_.at(user.place).read;
  listed.event = {read, &read->emplace_front(event)};
}

void ListedEvents::forget_all() {
  users_ = {};
  held_bytes_ = 0;
}

}  // namespace afterword::store::sqlite
