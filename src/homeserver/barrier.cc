#include "homeserver/barrier.h"

#include "base/encoding.h"
#include "domain/ids.h"
#include "homeserver/answer_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace afterword::homeserver {
namespace {

constexpr std::string_view event_type = "afterword.barrier";  // also of the state by which its room is known
constexpr std::size_t most_rooms = 20;                        // Afterword's user is asked into none, and joins none
constexpr std::chrono::milliseconds pause{200};

std::vector<std::string> rooms_in(const json::object& answer) {
  std::vector<std::string> rooms;
  const json::value* const joined = answer.if_contains("joined_rooms");
  if (joined == nullptr || !joined->is_array()) return rooms;
  for (const json::value& room : joined->get_array()) {
    if (room.is_string() && rooms.size() < most_rooms) rooms.emplace_back(room.get_string());
  }
  return rooms;
}

std::string creation() {
  const json::object mark{{"type", event_type}, {"state_key", ""}, {"content", json::object()}};
  json::object room{{"preset", "private_chat"}, {"initial_state", json::array{mark}}};
  room["creation_content"] = json::object{{"m.federate", false}};
  room["name"] = "Afterword";
  room["topic"] = "By what shows here Afterword knows that the homeserver is not behind. Nobody else is needed.";
  return to_text(room);
}

bool shows(const json::object& page, const std::string& event_id) {
  const json::value* const chunk = page.if_contains("chunk");
  if (chunk == nullptr || !chunk->is_array()) return false;
  return std::ranges::any_of(chunk->get_array(), [&](const json::value& event) {
    return event.is_object() && string_member(event.get_object(), "event_id") == event_id;
  });
}

}  // namespace

Barrier::Barrier(http::Client& http, async::Clock& clock, BarrierOptions options)
    : http_(http), clock_(clock), options_(std::move(options)) {}

async::Task<BarrierResult> Barrier::pass() {
  const async::Steady begun = clock_.steady_now();
  const async::Steady give_up = begun + options_.time_limit;
  if (room_id_.empty()) {
    const bool found = co_await find_room(give_up);
    if (!found) co_return BarrierResult::impossible;
  }

  const std::string room = "/rooms/" + percent_encode(room_id_);
  std::string path = fmt::format("{}/send/{}/{}", room, event_type, domain::DelayId::random().to_string());
  const auto sent = co_await ask("PUT", std::move(path), "{}", give_up);
  const auto event_id = sent ? string_member(*sent, "event_id") : std::nullopt;
  if (!event_id) {
    room_id_.clear();  // it may have been closed, or left
    co_return BarrierResult::impossible;
  }
  while (clock_.steady_now() < give_up) {
    const auto page = co_await ask("GET", room + "/messages?dir=b&limit=20", "", give_up);
    if (page && shows(*page, *event_id)) {
      last_begun_ = begun;
      last_passed_ = clock_.steady_now();
      co_return BarrierResult::passed;
    }
    co_await clock_.sleep_for(pause);
  }
  co_return BarrierResult::late;
}

async::Task<bool> Barrier::find_room(async::Steady give_up) {
  const auto joined = co_await ask("GET", "/joined_rooms", "", give_up);
  if (!joined) co_return false;
  for (const std::string& room_id : rooms_in(*joined)) {
    std::string path = fmt::format("/rooms/{}/state/{}", percent_encode(room_id), event_type);
    const auto mark = co_await ask("GET", std::move(path), "", give_up);
    if (!mark) continue;
    room_id_ = room_id;
    co_return true;
  }
  const auto made = co_await ask("POST", "/createRoom", creation(), give_up);
  if (made) room_id_ = string_member(*made, "room_id").value_or("");
  co_return !room_id_.empty();
}

async::Task<std::optional<json::object>> Barrier::ask(std::string method, std::string path, std::string body,
                                                      async::Steady give_up) {
  const auto left = std::chrono::floor<std::chrono::milliseconds>(give_up - clock_.steady_now());
  if (left <= std::chrono::milliseconds(0)) co_return std::nullopt;
  http::Request request;
  request.method = std::move(method);
  request.target = "/_matrix/client/v3" + path;
  request.headers.add("Authorization", "Bearer " + options_.as_token);
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  const auto answer = co_await http_.send(std::move(request), http::SendLimits(left, answer_limits::few_members));
  if (!answer || answer->status != 200) co_return std::nullopt;
  co_return parse_json_object(answer->body);
}

}  // namespace afterword::homeserver
