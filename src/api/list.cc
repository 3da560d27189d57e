#include "api/list.h"

#include "api/delayed_event_json.h"
#include "base/read_number.h"
#include "base/server_time.h"
#include "http/byte_budget.h"
#include "http/matrix_answer.h"

#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace afterword::api {
namespace {

using domain::State;

std::optional<std::int64_t> read_milliseconds(std::string_view text) {
  const auto number = read_number<std::int64_t>(text);
  if (!number || *number < 0 || *number > max_json_integer) return std::nullopt;
  return number;
}

// What a client gives is wall time.
std::optional<Timestamp> read_timestamp(std::string_view text, Milliseconds wall_offset) {
  const std::optional<std::int64_t> number = read_milliseconds(text);
  if (!number) return std::nullopt;
  return from_wall(wall_from_ms(*number), wall_offset);
}

std::optional<State> read_status(std::string_view text) {
  if (text == "scheduled") return State::scheduled;
  if (text == "sent") return State::sent;
  if (text == "cancelled") return State::cancelled;
  if (text == "failed") return State::failed;
  return std::nullopt;
}

store::ListPosition position_of(const domain::DelayedEvent& event) { return {event.timing.due(), event.delay_id}; }

constexpr std::uint32_t events_of_a_page = 100;
// What the store may take to read as many (store/list_page.h), of those that have no outcome and of those
// that have. It is held before they are read, and is a small body yet, for most lists are small.
constexpr std::size_t bytes_at_once = 960 * 1024;

// The body of an answer, which grows by a few events at a time, and only while there is room for it in memory.
class Listing {
 public:
  Listing(Context& context, domain::UserId caller, std::string client, WireForm form)
      : context_(context), caller_(std::move(caller)), form_(form), room_(*context.bodies, std::move(client)) {}

  // At most so many events. The error is the answer to give instead.
  async::Task<Result<void, http::Response>> make(store::ListQuery query, std::uint32_t most) {
    for (bool more = true; more;) {
      // A text that grows may be there twice for a moment, and the new one has room for as much again.
      if (!room_.grow_to(bytes_at_once + 3 * body_.size())) co_return http::no_room_in_memory();
      query.limit = std::min(events_of_a_page, most);
      const auto page = co_await context_.store.list(caller_, query);
      if (!page) co_return to_response(store_unavailable());
      most -= static_cast<std::uint32_t>(page->events.size());
      more = page->more && most > 0;
      append(page->events, more);
      if (page->more) query.after = position_of(page->events.back());
      if (page->more && !more) next_ = query.after;
    }
    body_ += ']';
    if (next_) {
      const std::string token = to_token(*next_);
      body_ += fmt::format(R"(,"next_batch":"{0}","org.matrix.msc4486.next_batch":"{0}")", token);
    }
    body_ += '}';
    co_return Result<void, http::Response>();
  }

  http::Response answer() && {
    room_.hold(body_.capacity());
    http::Response response = ok(std::move(body_));
    response.room = std::make_shared<http::ByteBudget::Share>(std::move(room_));
    return response;
  }

 private:
  void append(const std::vector<domain::DelayedEvent>& events, bool more_follow) {
    body_.reserve(body_.size() + events.size() * usual_json_bytes);
    for (const domain::DelayedEvent& event : events) {
      // One that was restarted since it was read has another place in the list.
      if (listed_.contains(event.delay_id)) continue;
      if (more_follow) listed_.insert(event.delay_id);
      if (body_.back() != '[') body_ += ',';
      append_json(body_, event, form_, wall_offset_);
    }
  }

  Context& context_;
  const domain::UserId caller_;
  const WireForm form_;
  const Milliseconds wall_offset_ = context_.clock.wall_offset();
  http::ByteBudget::Share room_;
  std::string body_ = "{\"delayed_events\":[";
  boost::unordered_flat_set<domain::DelayId, std::hash<domain::DelayId>> listed_;
  std::optional<store::ListPosition> next_;
};

}  // namespace

std::string to_token(const store::ListPosition& position) {
  return std::to_string(to_ms(position.due)) + "_" + position.delay_id.to_string();
}

std::optional<store::ListPosition> read_token(std::string_view token) {
  const std::size_t middle = token.find('_');
  if (middle == std::string_view::npos) return std::nullopt;
  const std::optional<std::int64_t> due = read_milliseconds(token.substr(0, middle));
  const std::optional<domain::DelayId> delay_id = domain::DelayId::parse(token.substr(middle + 1));
  if (!due || !delay_id) return std::nullopt;
  return store::ListPosition{from_ms(*due), *delay_id};
}

Result<store::ListQuery, MatrixError> read_list_request(const ListRequest& request, Milliseconds wall_offset) {
  constexpr std::string_view a_timestamp = "a timestamp in milliseconds";
  store::ListQuery query;
  if (request.from_ts) {
    query.from_ts = read_timestamp(*request.from_ts, wall_offset);
    if (!query.from_ts) return invalid_parameter("from_ts", a_timestamp);
  }
  if (request.to_ts) {
    query.to_ts = read_timestamp(*request.to_ts, wall_offset);
    if (!query.to_ts) return invalid_parameter("to_ts", a_timestamp);
  }
  if (request.dir) {
    if (*request.dir != "f" && *request.dir != "b") return invalid_parameter("dir", "f or b");
    if (*request.dir == "b") query.direction = store::Direction::backwards;
  }
  if (request.room_id) query.room_id = domain::RoomId(*request.room_id);
  query.type = request.type;
  if (request.status) {
    const std::optional<State> state = read_status(*request.status);
    if (!state) return invalid_parameter("status", "one of scheduled, sent, cancelled, failed");
    query.states = {*state};
  }
  if (request.from) {
    query.after = read_token(*request.from);
    if (!query.after) return invalid_parameter("from", "the next_batch of an earlier page");
  }
  return query;
}

async::Task<http::Response> list(Context& context, ListRequest request) {
  const Milliseconds wall_offset = context.clock.wall_offset();
  auto query = read_list_request(request, wall_offset);
  if (!query) co_return to_response(query.error());
  Listing listing(context, std::move(request.caller), std::move(request.client), request.form);
  const auto made = co_await listing.make(*std::move(query), events_of_a_page);
  if (!made) co_return made.error();
  co_return std::move(listing).answer();
}

async::Task<http::Response> list_scheduled(Context& context, domain::UserId caller, std::string client) {
  store::ListQuery query;
  query.states = {State::scheduled};
  Listing listing(context, std::move(caller), std::move(client), WireForm::unstable);
  const auto made = co_await listing.make(std::move(query), std::numeric_limits<std::uint32_t>::max());
  if (!made) co_return made.error();
  co_return std::move(listing).answer();
}

}  // namespace afterword::api
