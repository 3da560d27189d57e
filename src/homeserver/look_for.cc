#include "homeserver/look_for.h"

#include "base/encoding.h"
#include "base/json_text.h"
#include "homeserver/answer_limits.h"
#include "homeserver/fingerprint.h"
#include "homeserver/query.h"
#include "homeserver/read_answer.h"
#include "homeserver/restart_marker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

namespace afterword::homeserver {
namespace {

using domain::EventId;
using domain::EventKind;

// A page of the owner's events that are all older than the attempt by this ends the search: further back there is
// nothing of that time. The homeserver gives them its own time, in order but for a clock that is set back and for what
// application services do. Wider, and a bot's steady stream would never be searched to its end.
constexpr std::chrono::minutes margin{5};

// One look for messages. Beyond that, the room is too busy to be searched so.
constexpr int largest_page = 100;
constexpr int max_requests = 200;  // of one read_messages

struct Answered {
  std::unique_ptr<const std::string> body;  // outlives `json`, also when this is moved
  JsonText json;                            // an object
};
struct NothingThere {};
struct UnknownDevice {};
struct TooLarge {};
using Read = std::variant<Answered, NothingThere, UnknownDevice, TooLarge, MayNotLook, CannotTell>;

std::string text_at(const std::optional<JsonText>& value) {
  return value ? value->string().value_or("") : std::string();
}

Read read(HttpAnswer answer) {
  if (!answer && answer.error().too_large) return TooLarge{};
  if (!answer) return CannotTell{answer.error().reason};
  auto body = std::make_unique<const std::string>(std::move(answer->body));
  const auto json = JsonText::read(*body);
  const bool is_object = json && json->is_object();
  if (http::is_success(answer->status) && is_object) return Answered{std::move(body), *json};
  const std::string errcode = is_object ? text_at(json->member("errcode")) : "";
  if (errcode == "M_UNKNOWN_DEVICE") return UnknownDevice{};
  if (errcode == "M_NOT_FOUND") return NothingThere{};
  if (answer->status == 403 && !errcode.empty()) return MayNotLook{};
  return CannotTell{fmt::format("an answer {} {}", answer->status, errcode)};
}

// How many events to ask for next, when `events` took `bytes`: half a page of such.
int next_page(int events, std::size_t bytes) {
  const std::size_t fitting =
      answer_limits::page / 2 * static_cast<std::size_t>(events) / std::max<std::size_t>(bytes, 1);
  return static_cast<int>(std::clamp<std::size_t>(fitting, 1, largest_page));
}

class Search {
 public:
  Search(http::Client& http, async::Clock& clock, KnownKind& kind, const LookOptions& options,
         const domain::DelayId& delay_id, const domain::EventToSend& event, const domain::Attempt& attempt)
      : http_(http),
        clock_(clock),
        kind_(kind),
        options_(options),
        delay_id_(delay_id),
        event_(event),
        device_id_(event.device_id),
        when_(attempt.origin_server_ts),
        oldest_(std::min(when_, clock.wall_now()) - margin),
        fingerprint_(delay_id, event, attempt),
        give_up_(clock.steady_now() + options.time_limit) {}

  async::Task<LookAnswer> run() {
    std::optional<LookAnswer> failure = co_await look_where_it_shows();
    if (failure) co_return std::move(*failure);
    if (!found_.empty()) co_return answer();
    auto reading = read_messages("", "b", options_.max_pages * largest_page);
    failure = co_await std::move(reading);
    if (failure) co_return std::move(*failure);
    if (!found_.empty() || reached_the_time_) co_return answer();
    failure = co_await ask_for_the_time();
    if (failure) co_return std::move(*failure);
    co_return answer();
  }

  // Of an attempt that is not there.
  async::Task<LookAnswer> ask_for_the_mark() {
    if (!kind_.may_queue()) co_return Candidates{};
    http::Request request = make_mark_question(delay_id_, options_.as_token);
    const HttpAnswer answer =
        co_await http_.send(std::move(request), http::SendLimits(time_left(), answer_limits::mark));
    const Mark mark = read_mark(answer);
    if (mark == Mark::unheard) co_return CannotTell{"the homeserver does not say whether it was restarted"};
    Candidates none;
    none.may_be_queued = mark == Mark::gone;
    co_return none;
  }

 private:
  using Parameters = std::vector<std::pair<std::string_view, std::string>>;

  // GETs what the room has at `path`, as the owner.
  async::Task<Read> get(std::string path, Parameters parameters, std::size_t max_bytes,
                        std::string_view version = "v3") {
    Read answered = co_await get_once(path, parameters, max_bytes, version);
    if (std::holds_alternative<UnknownDevice>(answered)) {
      device_id_.reset();
      answered = co_await get_once(path, parameters, max_bytes, version);
      if (std::holds_alternative<UnknownDevice>(answered)) co_return CannotTell{"an unknown device of none"};
    }
    co_return answered;
  }

  async::Task<Read> get_once(const std::string& path, const Parameters& parameters, std::size_t max_bytes,
                             std::string_view version) {
    Query query;
    query.add("user_id", event_.user_id.value);
    if (device_id_) query.add_device(device_id_->value);
    for (const auto& [name, value] : parameters) query.add(name, value);
    http::Request request;
    request.method = "GET";
    request.target = fmt::format("/_matrix/client/{}/rooms/{}/{}{}", version, percent_encode(event_.room_id.value),
                                 path, query.text());
    request.headers.add("Authorization", "Bearer " + options_.as_token);
    const auto left = time_left();
    if (left <= std::chrono::milliseconds(0)) co_return CannotTell{"the search took too long"};
    HttpAnswer answer = co_await http_.send(std::move(request), http::SendLimits(left, max_bytes));
    if (answer) kind_.note(*answer);
    co_return read(std::move(answer));
  }

  std::chrono::milliseconds time_left() const {
    return std::chrono::floor<std::chrono::milliseconds>(give_up_ - clock_.steady_now());
  }

  // One request finds what has not been replaced since.
  async::Task<std::optional<LookAnswer>> look_where_it_shows() {
    std::string path;
    Parameters parameters;
    if (event_.kind == EventKind::state) {
      path = "state/" + percent_encode(event_.type) + "/" + percent_encode(event_.state_key);
      parameters.emplace_back("format", "event");
    } else if (event_.kind == EventKind::redaction) {
      path = "event/" + percent_encode(event_.redacts.value);
    } else {
      co_return std::nullopt;
    }
    auto asking = get(std::move(path), std::move(parameters), answer_limits::event);
    Read answered = co_await std::move(asking);
    // A refusal can be about this alone, such as an event from before the owner joined; the messages decide.
    if (auto* cannot = std::get_if<CannotTell>(&answered)) co_return std::move(*cannot);
    const auto* event = std::get_if<Answered>(&answered);
    if (event && event_.kind == EventKind::state) consider(event->json);
    if (event && event_.kind == EventKind::redaction) {
      const auto unsigned_data = event->json.member("unsigned");
      const auto redaction = unsigned_data ? unsigned_data->member("redacted_because") : std::nullopt;
      if (redaction) consider(*redaction);
    }
    co_return std::nullopt;
  }

  void consider(const JsonText& event) {
    const auto match = fingerprint_.match(event);
    if (match == Fingerprint::Match::no) return;
    const EventId id(text_at(event.member("event_id")));
    if (!domain::is_event_id(id.value)) return;
    if (match == Fingerprint::Match::exact && !std::exchange(found_exact_, true)) found_.clear();
    if (found_exact_ && match != Fingerprint::Match::exact) return;
    if (std::find(found_.begin(), found_.end(), id) == found_.end()) found_.push_back(id);
  }

  // Answers whether all of them are far older than the attempt.
  bool consider_all(const JsonText& events) {
    bool all_older = true;
    bool is_empty = true;
    events.for_each_element([&](const JsonText& event) {
      is_empty = false;
      consider(event);
      const auto time = event.member("origin_server_ts");
      all_older = all_older && time && time->integer().value_or(to_ms(oldest_)) < to_ms(oldest_);
    });
    return all_older && !is_empty;
  }

  // The messages from a token on, or from the newest, up to so many; until their time is over, or the attempt found.
  async::Task<std::optional<LookAnswer>> read_messages(std::string from, std::string_view direction, int left) {
    int events = largest_page;
    std::size_t bytes_left = answer_limits::search;
    reached_the_time_ = false;
    for (int requests_left = max_requests; left > 0 && bytes_left > 0 && requests_left > 0; --requests_left) {
      Parameters parameters{{"dir", std::string(direction)}, {"limit", std::to_string(events)}, {"filter", filter()}};
      if (!from.empty()) parameters.emplace_back("from", from);
      const std::size_t max_bytes = events == 1 ? answer_limits::framed_event : answer_limits::page;
      auto asking = get("messages", std::move(parameters), max_bytes);
      Read answered = co_await std::move(asking);
      if (std::holds_alternative<TooLarge>(answered)) {
        if (events == 1) co_return CannotTell{"the room shows an event that is larger than any can be"};
        events = std::max(events / 5, 1);
        continue;
      }
      if (const auto* may_not = std::get_if<MayNotLook>(&answered)) co_return *may_not;
      if (auto* cannot = std::get_if<CannotTell>(&answered)) co_return std::move(*cannot);
      const auto* body = std::get_if<Answered>(&answered);
      if (!body) co_return MayNotLook{};  // the homeserver does not know the room
      const auto [chunk, end_member] = body->json.members(std::array<std::string_view, 2>{"chunk", "end"});
      const bool all_older = chunk && consider_all(*chunk);
      std::string end = text_at(end_member);
      reached_the_time_ = all_older || end.empty() || end == from;
      if (reached_the_time_ || found_exact_) break;
      from = std::move(end);
      left -= events;
      bytes_left -= std::min(bytes_left, body->body->size());
      events = next_page(events, body->body->size());
    }
    too_much_ = left > 0 && !reached_the_time_ && !found_exact_;
    co_return std::nullopt;
  }

  // The room is busy: the event nearest to the time, and those of the owner around it.
  async::Task<std::optional<LookAnswer>> ask_for_the_time() {
    // The time of a redaction is not ours. It would have shown at the event that it redacts.
    if (event_.kind == EventKind::redaction) co_return std::nullopt;
    Parameters at_time{{"ts", std::to_string(to_ms(when_))}, {"dir", "f"}};
    auto asking = get("timestamp_to_event", std::move(at_time), answer_limits::timestamp_to_event, "v1");
    Read nearest = co_await std::move(asking);
    if (const auto* may_not = std::get_if<MayNotLook>(&nearest)) co_return *may_not;
    // Nothing in the room is as new as that.
    if (std::holds_alternative<NothingThere>(nearest)) co_return std::nullopt;
    const auto* found = std::get_if<Answered>(&nearest);
    if (!found) co_return CannotTell{"the room is too busy to be searched"};
    const auto time = found->json.member("origin_server_ts");
    // Nothing in the room has exactly that time.
    if (time && time->integer().value_or(to_ms(when_)) != to_ms(when_)) co_return std::nullopt;
    const std::string event_id = text_at(found->json.member("event_id"));
    if (!domain::is_event_id(event_id)) co_return CannotTell{"an answer to timestamp_to_event without an event_id"};

    // Of its context the two tokens alone: the rest includes all of the room's state that the filter lets through.
    Parameters around{{"limit", "1"}, {"filter", R"({"not_types":["*"]})"}};
    auto asking_around = get("context/" + percent_encode(event_id), std::move(around), answer_limits::framed_event);
    Read answered = co_await std::move(asking_around);
    const auto* context = std::get_if<Answered>(&answered);
    if (!context) co_return CannotTell{"the room is too busy to be searched"};
    const auto [middle, start, end] = context->json.members(std::array<std::string_view, 3>{"event", "start", "end"});
    const std::string before = text_at(start);
    const std::string after = text_at(end);
    if (before.empty() || after.empty()) co_return CannotTell{"an answer to context without its tokens"};
    auto reading_on = read_messages(after, "f", largest_page);
    auto failure = co_await std::move(reading_on);
    if (failure) co_return std::move(*failure);
    bool missed_some = too_much_;
    std::reverse(found_.begin(), found_.end());
    if (middle) consider(*middle);
    auto reading_back = read_messages(before, "b", largest_page);
    failure = co_await std::move(reading_back);
    if (failure) co_return std::move(*failure);
    missed_some = missed_some || too_much_;
    if (missed_some && found_.empty()) co_return CannotTell{"the room is too busy to be searched"};
    co_return std::nullopt;
  }

  std::string filter() const {
    json::object filter;
    filter["senders"] = json::array{event_.user_id.value};
    filter["types"] = json::array{type_of(event_)};
    return to_text(filter);
  }

  LookAnswer answer() {
    std::reverse(found_.begin(), found_.end());  // the newest came first
    return Candidates{std::move(found_)};
  }

  http::Client& http_;
  async::Clock& clock_;
  KnownKind& kind_;
  const LookOptions& options_;
  const domain::DelayId& delay_id_;
  const domain::EventToSend& event_;
  std::optional<domain::DeviceId> device_id_;  // none once the homeserver did not know it
  const WallTime when_;
  const WallTime oldest_;  // nothing of the attempt lies behind what is older; its time may have been massaged forward
  const Fingerprint fingerprint_;
  const async::Steady give_up_;

  std::vector<EventId> found_;
  bool found_exact_ = false;       // only those that show our transaction
  bool reached_the_time_ = false;  // no event of that time lies further on
  bool too_much_ = false;          // there was more than read_messages may read
};

}  // namespace

async::Task<LookAnswer> look_for_attempt(http::Client& http, async::Clock& clock, KnownKind& kind,
                                         const LookOptions& options, domain::DelayId delay_id,
                                         const domain::EventToSend& event, domain::Attempt attempt) {
  Search search(http, clock, kind, options, delay_id, event, attempt);
  LookAnswer answer = co_await search.run();
  const auto* found = std::get_if<Candidates>(&answer);
  if (!found || !found->events.empty()) co_return answer;
  co_return co_await search.ask_for_the_mark();
}

}  // namespace afterword::homeserver
