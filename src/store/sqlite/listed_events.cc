#include "store/sqlite/listed_events.h"

#include <utility>

namespace afterword::store::sqlite {

void ListedEvents::keep(Event& listed, std::shared_ptr<const domain::EventToSend> event) {
  const std::size_t texts = event->user_id.value.size() + event->room_id.value.size() + event->type.size() +
                            event->state_key.size() + event->redacts.value.size() + event->content.size();
  held_bytes_ += sizeof *event + texts;
  if (held_bytes_ > max_bytes) return;  // the next list begins anew
  listed.event = std::move(event);
}

void ListedEvents::forget_all() {
  users_ = {};
  held_bytes_ = 0;
}

}  // namespace afterword::store::sqlite
