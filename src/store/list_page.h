// How far a page of a list goes: to its limit, or to the event by which what may be large in its events comes to so
// many bytes. Every backend cuts its pages with this.
#pragma once

#include "domain/delayed_event.h"
#include "store/store.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

namespace afterword::store {

inline constexpr std::size_t max_page_bytes = 192 * 1024;

class PageLength {
 public:
  explicit PageLength(const ListQuery& query) : events_left_(query.limit) {}

  // Counts the next event in; false if the page ended before it.
  bool add(const domain::DelayedEvent& event) {
    if (events_left_ == 0 || bytes_left_ == 0) return false;
    --events_left_;
    bytes_left_ -= std::min(bytes_left_, bytes_of(event));
    return true;
  }

 private:
  static std::size_t bytes_of(const domain::DelayedEvent& event) {
    const auto* error = event.finalised ? std::get_if<domain::HomeserverError>(&event.finalised->outcome) : nullptr;
    return event.event->content.size() + (error == nullptr ? 0 : error->body.size());
  }

  std::uint32_t events_left_;
  std::size_t bytes_left_ = max_page_bytes;
};

// `events`: in order, as far as the page goes and one beyond it, which shows that there are more.
inline ListPage to_page(std::vector<domain::DelayedEvent> events, PageLength length) {
  const auto end = std::find_if_not(events.begin(), events.end(),
                                    [&](const domain::DelayedEvent& event) { return length.add(event); });
  const bool more = end != events.end();
  events.erase(end, events.end());
  return {std::move(events), more};
}

}  // namespace afterword::store
