#include "homeserver/look_for.h"

#include "base/encoding.h"
#include "homeserver/fingerprint.h"
#include "homeserver/query.h"
#include "homeserver/read_answer.h"
#include "homeserver/restart_mark.h"

#include <fmt/format.h>

#include <algorithm>
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

struct NothingThere {};
struct UnknownDevice {};
using Read = std::variant<json::object, NothingThere, UnknownDevice, MayNotLook, CannotTell>;

Read read(const HttpAnswer& answer) {
  if (!answer) return CannotTell{answer.error().reason};
  auto body = parse_json_object(answer->body);
  if (answer->status >= 200 && answer->status < 300 && body) return std::move(*body);
  const std::string errcode = body ? string_member(*body, "errcode").value_or("") : "";
  if (errcode == "M_UNKNOWN_DEVICE") return UnknownDevice{};
  if (errcode == "M_NOT_FOUND") return NothingThere{};
  if (answer->status == 403 && !errcode.empty()) return MayNotLook{string_member(*body, "error").value_or(errcode)};
  return CannotTell{fmt::format("an answer {} {}", answer->status, errcode)};
}

class Search {
 public:
  Search(http::Client& http, async::Clock& clock, const LookOptions& options, const domain::DelayId& delay_id,
         const domain::EventToSend& event, const domain::Attempt& attempt)
      : http_(http),
        clock_(clock),
        options_(options),
        delay_id_(delay_id),
        event_(event),
        device_id_(event.device_id),
        when_(attempt.origin_server_ts),
        oldest_(std::min(when_, clock.to_wall(clock.now())) - margin),
        fingerprint_(delay_id, event, attempt),
        give_up_(clock.steady_now() + options.time_limit) {}

  async::Task<LookAnswer> run() {
    std::optional<LookAnswer> failure = co_await look_where_it_shows();
    if (failure) co_return std::move(*failure);
    if (!found_.empty()) co_return answer();
    failure = co_await read_messages();
    if (failure) co_return std::move(*failure);
    if (!found_.empty() || reached_the_time_) co_return answer();
    failure = co_await ask_for_the_time();
    if (failure) co_return std::move(*failure);
    co_return answer();
  }

  // Of an attempt that is not there.
  async::Task<LookAnswer> ask_for_the_mark() {
    if (!may_queue_) co_return Candidates{};
    http::Request request = make_mark_question(delay_id_, options_.as_token);
    const HttpAnswer answer = co_await http_.send(std::move(request), time_left());
    const Mark mark = read_mark(answer);
    if (mark == Mark::unheard) co_return CannotTell{"the homeserver does not say whether it was restarted"};
    Candidates none;
    none.may_be_queued = mark == Mark::gone;
    co_return none;
  }

 private:
  using Parameters = std::vector<std::pair<std::string_view, std::string>>;

  // GETs what the room has at `path`, as the owner.
  async::Task<Read> get(std::string path, Parameters parameters, std::string_view version = "v3") {
    Read answered = co_await get_once(path, parameters, version);
    if (std::holds_alternative<UnknownDevice>(answered)) {
      device_id_.reset();
      answered = co_await get_once(path, parameters, version);
      if (std::holds_alternative<UnknownDevice>(answered)) co_return CannotTell{"an unknown device of none"};
    }
    co_return answered;
  }

  async::Task<Read> get_once(const std::string& path, const Parameters& parameters, std::string_view version) {
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
    const HttpAnswer answer = co_await http_.send(std::move(request), left);
    if (answer) may_queue_ = may_queue(*answer);
    co_return read(answer);
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
    auto asking = get(std::move(path), std::move(parameters));
    Read answered = co_await std::move(asking);
    // A refusal can be about this alone, such as an event from before the owner joined; the messages decide.
    if (auto* cannot = std::get_if<CannotTell>(&answered)) co_return std::move(*cannot);
    const auto* event = std::get_if<json::object>(&answered);
    if (event && event_.kind == EventKind::state) consider(*event);
    if (event && event_.kind == EventKind::redaction) {
      const json::object* unsigned_data = object_member(*event, "unsigned");
      const json::object* redaction = unsigned_data ? object_member(*unsigned_data, "redacted_because") : nullptr;
      if (redaction) consider(*redaction);
    }
    co_return std::nullopt;
  }

  void consider(const json::object& event) {
    const auto match = fingerprint_.match(event);
    const auto event_id = string_member(event, "event_id");
    if (match == Fingerprint::Match::no || !event_id) return;
    if (match == Fingerprint::Match::exact && !std::exchange(found_exact_, true)) found_.clear();
    if (found_exact_ && match != Fingerprint::Match::exact) return;
    const EventId id(*event_id);
    if (std::find(found_.begin(), found_.end(), id) == found_.end()) found_.push_back(id);
  }

  // Answers whether all of them are far older than the attempt.
  bool consider_all(const json::value* events) {
    bool all_older = true;
    if (!events || !events->is_array()) return false;
    for (const json::value& value : events->get_array()) {
      const json::object* event = value.if_object();
      if (!event) continue;
      consider(*event);
      const json::value* time = event->if_contains("origin_server_ts");
      all_older = all_older && time && time->is_int64() && time->get_int64() < to_ms(oldest_);
    }
    return all_older && !events->get_array().empty();
  }

  async::Task<std::optional<LookAnswer>> read_messages() {
    std::string from;
    for (int page = 0; page < options_.max_pages; ++page) {
      Parameters parameters{{"dir", "b"}, {"limit", "100"}, {"filter", filter()}};
      if (!from.empty()) parameters.emplace_back("from", from);
      auto asking = get("messages", std::move(parameters));
      Read answered = co_await std::move(asking);
      if (auto* may_not = std::get_if<MayNotLook>(&answered)) co_return std::move(*may_not);
      if (auto* cannot = std::get_if<CannotTell>(&answered)) co_return std::move(*cannot);
      const auto* body = std::get_if<json::object>(&answered);
      if (!body) co_return MayNotLook{"the homeserver does not know the room"};
      const bool all_older = consider_all(body->if_contains("chunk"));
      const auto end = string_member(*body, "end");
      reached_the_time_ = all_older || !end || end->empty() || *end == from;
      if (reached_the_time_ || found_exact_) break;
      from = *end;
    }
    co_return std::nullopt;
  }

  // The room is busy: the event nearest to the time, and those of the owner around it.
  async::Task<std::optional<LookAnswer>> ask_for_the_time() {
    // The time of a redaction is not ours. It would have shown at the event that it redacts.
    if (event_.kind == EventKind::redaction) co_return std::nullopt;
    Parameters at_time{{"ts", std::to_string(to_ms(when_))}, {"dir", "f"}};
    auto asking = get("timestamp_to_event", std::move(at_time), "v1");
    Read nearest = co_await std::move(asking);
    if (auto* may_not = std::get_if<MayNotLook>(&nearest)) co_return std::move(*may_not);
    // Nothing in the room is as new as that.
    if (std::holds_alternative<NothingThere>(nearest)) co_return std::nullopt;
    const auto* found = std::get_if<json::object>(&nearest);
    if (!found) co_return CannotTell{"the room is too busy to be searched"};
    const json::value* time = found->if_contains("origin_server_ts");
    // Nothing in the room has exactly that time.
    if (time && time->is_int64() && time->get_int64() != to_ms(when_)) co_return std::nullopt;
    const auto event_id = string_member(*found, "event_id");
    if (!event_id) co_return CannotTell{"an answer to timestamp_to_event without an event_id"};

    Parameters around{{"limit", "100"}, {"filter", filter()}};
    auto asking_around = get("context/" + percent_encode(*event_id), std::move(around));
    Read answered = co_await std::move(asking_around);
    const auto* context = std::get_if<json::object>(&answered);
    if (!context) co_return CannotTell{"the room is too busy to be searched"};
    consider_all(context->if_contains("events_before"));
    const json::object* middle = object_member(*context, "event");
    if (middle) consider(*middle);
    consider_all(context->if_contains("events_after"));
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
  const LookOptions& options_;
  const domain::DelayId& delay_id_;
  const domain::EventToSend& event_;
  std::optional<domain::DeviceId> device_id_;  // none once the homeserver did not know it
  const Timestamp when_;
  const Timestamp oldest_;  // nothing of the attempt lies behind what is older; its time may have been massaged forward
  const Fingerprint fingerprint_;
  const async::Steady give_up_;

  bool may_queue_ = true;  // by its last answer
  std::vector<EventId> found_;
  bool found_exact_ = false;       // only those that show our transaction
  bool reached_the_time_ = false;  // no event of that time lies further back
};

}  // namespace

async::Task<LookAnswer> look_for_attempt(http::Client& http, async::Clock& clock, const LookOptions& options,
                                         domain::DelayId delay_id, const domain::EventToSend& event,
                                         domain::Attempt attempt) {
  Search search(http, clock, options, delay_id, event, attempt);
  LookAnswer answer = co_await search.run();
  const auto* found = std::get_if<Candidates>(&answer);
  if (!found || !found->events.empty()) co_return answer;
  co_return co_await search.ask_for_the_mark();
}

}  // namespace afterword::homeserver
