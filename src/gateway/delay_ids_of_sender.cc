#include "gateway/delay_ids_of_sender.h"

#include "gateway/delay_ids.h"
#include "gateway/pass_through.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace afterword::gateway {
namespace {

// What the store is asked at a time, so that nobody who shares its batch waits long.
constexpr std::size_t asked_at_once = 500;

bool is_plain_json(const http::Response& answer) {
  const auto type = answer.headers.find("Content-Type");
  const auto encoding = answer.headers.find("Content-Encoding");
  return answer.status == 200 && type && type->starts_with("application/json") &&
         (!encoding || *encoding == "identity");
}

std::vector<domain::EventId> distinct_ids(const std::vector<OwnEvent>& events) {
  std::vector<domain::EventId> ids;
  ids.reserve(events.size());
  for (const OwnEvent& event : events) ids.push_back(event.event_id);
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

}  // namespace

async::Task<http::Response> show_delay_ids_of(store::Store& store, domain::UserId sender, http::Response answer) {
  if (!is_plain_json(answer)) co_return answer;
  const auto has_sent = co_await store.has_sent(sender);
  if (!has_sent || !*has_sent) co_return answer;

  const std::vector<OwnEvent> events = find_own_events(answer.body, sender);
  const std::vector<domain::EventId> ids = distinct_ids(events);
  DelayIds delay_ids;
  for (std::size_t i = 0; i < ids.size(); i += asked_at_once) {
    const auto end = std::min(ids.size(), i + asked_at_once);
    std::vector<domain::EventId> asked(ids.begin() + static_cast<std::ptrdiff_t>(i),
                                       ids.begin() + static_cast<std::ptrdiff_t>(end));
    const auto found = co_await store.find_sent(sender, std::move(asked));
    if (!found) break;
    for (const store::SentEvent& sent : *found) delay_ids.emplace(sent.event_id, sent.delay_id);
  }
  if (delay_ids.empty()) co_return answer;
  replace_body(answer, show_delay_ids(std::move(answer.body), events, delay_ids));
  co_return answer;
}

}  // namespace afterword::gateway
