#include "sim/checkers.h"

#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace afterword::sim {
namespace {

using namespace std::chrono_literals;

// Clients of calls give up then.
constexpr auto time_for_a_restart = 2s;
// Between two tries of an event that holds up its room.
constexpr auto longest_pause = 30s;

// What a client was last told about an event that has its outcome.
struct ShownOutcome {
  std::optional<std::string> event_id;
  std::optional<std::string> errcode;
  WallTime delayed_since;
  WallTime finalised;

  bool sent() const { return event_id.has_value(); }
  bool failed() const { return errcode.has_value(); }
  bool cancelled() const { return !sent() && !failed(); }
  // Times are shown by the wall clock, which may be set.
  bool same_as(const ShownOutcome& other) const { return event_id == other.event_id && errcode == other.errcode; }
};

std::optional<ShownOutcome> read_outcome(const std::string& body) {
  const auto object = parse_json_object(body);
  if (!object || !object->contains("finalised")) return std::nullopt;
  const json::object& finalised = object->at("finalised").as_object();
  ShownOutcome outcome;
  outcome.event_id = string_member(finalised, "event_id");
  if (finalised.contains("error")) {
    outcome.errcode = string_member(finalised.at("error").as_object(), "errcode").value_or("none");
  }
  outcome.finalised = wall_from_ms(finalised.at("finalised_ts").to_number<std::int64_t>());
  outcome.delayed_since = wall_from_ms(object->at("delayed_since_ts").to_number<std::int64_t>());
  return outcome;
}

// Wishes that cannot be told apart in their room, mostly one; and the events there.
struct Group {
  std::vector<std::size_t> wishes;
  std::vector<const RoomEvent*> events;
};

// A time in which an event may have held up its room.
struct Overdue {
  WallTime from;
  WallTime to;

  // By a restart or a cancel, which is noticed when it would have been tried again.
  void end_for_client(WallTime when) { to = when <= from ? when : when + longest_pause; }
};

class Judgement {
 public:
  Judgement(const History& history, const SimulatedHomeserver& homeserver, const Circumstances& circumstances)
      : history_(history), homeserver_(homeserver), circumstances_(circumstances) {
    for (std::size_t i = 0; i < history.wishes.size(); ++i) groups_[history.wishes[i].content].wishes.push_back(i);
    for (const RoomEvent& event : homeserver.events()) groups_[event.content].events.push_back(&event);
    exchanges_.resize(history.wishes.size());
    for (const Exchange& exchange : history.exchanges) exchanges_[exchange.wish].push_back(&exchange);
    outcomes_.resize(history.wishes.size());
  }

  std::vector<std::string> judge() {
    for (std::size_t i = 0; i < history_.wishes.size(); ++i) {
      check_answers(i);
      check_lookups(i);
    }
    check_delay_ids();
    for (const auto& [content, group] : groups_) check_group(content, group);
    check_order();
    return std::move(broken_);
  }

 private:
  template <class... Arguments>
  void broken(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    broken_.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  static double seconds(Steady when) {
    return std::chrono::duration<double>(when - Steady(std::chrono::hours(1))).count();
  }
  const Group& group_of(std::size_t wish) const { return groups_.at(history_.wishes[wish].content); }
  bool asked(std::size_t wish, Asked what, Steady before = Steady::max()) const {
    return std::any_of(exchanges_[wish].begin(), exchanges_[wish].end(),
                       [&](const Exchange* exchange) { return exchange->asked == what && exchange->when <= before; });
  }
  // To cancel one that has failed is answered with 200 too.
  bool told_absent(std::size_t wish) const {
    // Who is not in the room any more cannot be asked whether it had arrived before.
    if (outcomes_[wish] && outcomes_[wish]->failed()) return !was_kicked(wish);
    return std::any_of(exchanges_[wish].begin(), exchanges_[wish].end(), [](const Exchange* exchange) {
      return exchange->asked == Asked::cancel && exchange->status == 200;
    });
  }
  bool in_room(std::size_t wish, Steady by) const {
    const auto& events = group_of(wish).events;
    return std::any_of(events.begin(), events.end(), [by](const RoomEvent* event) { return event->arrived <= by; });
  }
  bool was_kicked(std::size_t wish) const {
    return homeserver_.kicked_at(history_.wishes[wish].user_id, history_.wishes[wish].room_id).has_value();
  }

  bool is_held_up(std::size_t wish) const {
    return homeserver_.holds_up(history_.wishes[wish].user_id, history_.wishes[wish].room_id);
  }

  const SimulatedHomeserver::Banned* ban_of(std::size_t wish) const {
    return homeserver_.find_ban(history_.wishes[wish].user_id);
  }
  bool is_banned(std::size_t wish, Ban ban) const {
    const auto* banned = ban_of(wish);
    return banned != nullptr && banned->ban == ban;
  }

  void check_answers(std::size_t wish);
  void check_lookups(std::size_t wish);
  void check_delay_ids();
  void check_group(const std::string& content, const Group& group);
  void check_time(std::size_t wish, const RoomEvent& event);
  void check_order();
  void add_overdue(std::size_t wish, std::vector<Overdue>& overdue) const;
  Milliseconds longest_held_up(const domain::RoomId& room_id, WallTime by) const;
  bool timing_was_known(std::size_t wish, WallTime delayed_since, WallTime by) const;

  const History& history_;
  const SimulatedHomeserver& homeserver_;
  const Circumstances& circumstances_;
  std::map<std::string, Group> groups_;  // by content
  std::vector<std::vector<const Exchange*>> exchanges_;
  std::vector<std::optional<ShownOutcome>> outcomes_;
  std::vector<std::string> broken_;
};

// Every answer was true when it was given, or is by what became of the event.
void Judgement::check_answers(std::size_t wish) {
  for (const Exchange* exchange : exchanges_[wish]) {
    const auto status = exchange->status;
    const bool clear = status == 200 || status == 404 || status == 409;
    if (circumstances_.faultless && !clear && !is_held_up(wish)) {
      broken("wish {}: answered {} although nothing was wrong: {}", wish, status, exchange->body);
    }
    const bool in_time = exchange->answered && *exchange->answered - exchange->when <= time_for_a_restart;
    if (circumstances_.reachable && exchange->asked == Asked::restart && !in_time) {
      broken("wish {}: its restart was not answered within two seconds", wish);
    }
    if (!exchange->answered) continue;
    // A shadow-banned owner is told that all went well.
    if (is_banned(wish, Ban::shadow)) continue;
    // The unstable routes say 404 of an event with another outcome.
    const bool another_outcome = status == 409 || (status == 404 && exchange->unstable);
    if (status == 404 && !exchange->unstable) broken("wish {}: is not known any more", wish);
    const bool arrived = in_room(wish, *exchange->answered);
    switch (exchange->asked) {
      case Asked::send:
        if (status == 200 && !arrived) broken("wish {}: said to be sent, but it was not in its room", wish);
        break;
      case Asked::cancel:
        if (another_outcome && !arrived) broken("wish {}: said to be sent, but could have been cancelled", wish);
        break;
      default:
        break;
    }
  }
}

void Judgement::check_lookups(std::size_t wish) {
  for (const Exchange* exchange : exchanges_[wish]) {
    if (exchange->asked != Asked::look_up || exchange->status != 200) continue;
    const auto outcome = read_outcome(exchange->body);
    if (outcomes_[wish] && !(outcome && outcome->same_as(*outcomes_[wish]))) {
      broken("wish {}: has changed its outcome", wish);
    }
    if (outcome) outcomes_[wish] = outcome;
  }
  const Wish& wanted = history_.wishes[wish];
  if (!outcomes_[wish]) {
    if (wanted.delay_id) broken("wish {}: was accepted and has not come to any outcome", wish);
    return;
  }
  const ShownOutcome& outcome = *outcomes_[wish];
  const auto& events = group_of(wish).events;
  if (outcome.sent()) {
    const bool there = std::any_of(events.begin(), events.end(),
                                   [&](const RoomEvent* event) { return event->event_id.value == *outcome.event_id; });
    if (!there && !is_banned(wish, Ban::shadow))
      broken("wish {}: is said to be {}, which is another event", wish, *outcome.event_id);
  } else if (outcome.failed()) {
    if (!homeserver_.may_fail_with(wanted.content, *outcome.errcode)) {
      broken("wish {}: failed for no reason: {}", wish, *outcome.errcode);
    }
  } else if (!asked(wish, Asked::cancel) && !is_banned(wish, Ban::deactivated)) {
    broken("wish {}: was cancelled by nobody", wish);
  }
}

// The same for the same transaction, another one for everything else.
void Judgement::check_delay_ids() {
  std::map<std::string, std::size_t> owners;
  for (const Exchange& exchange : history_.exchanges) {
    if (exchange.asked != Asked::schedule || exchange.status != 200) continue;
    const auto body = parse_json_object(exchange.body);
    const std::string delay_id = string_member(*body, "delay_id").value_or("");
    if (delay_id != history_.wishes[exchange.wish].delay_id) broken("wish {}: has two delay ids", exchange.wish);
    if (owners.emplace(delay_id, exchange.wish).first->second != exchange.wish) {
      broken("wish {}: has the delay id of another", exchange.wish);
    }
  }
}

void Judgement::check_group(const std::string& content, const Group& group) {
  if (group.wishes.empty()) {
    if (!group.events.empty()) broken("{} was sent and nobody wanted it", content);
    return;
  }
  const auto absent = static_cast<std::size_t>(
      std::count_if(group.wishes.begin(), group.wishes.end(), [&](std::size_t wish) { return told_absent(wish); }));
  if (group.events.size() > group.wishes.size()) {
    broken("wish {}: is {} times in its room", group.wishes.front(), group.events.size());
  } else if (group.events.size() + absent > group.wishes.size()) {
    broken("wish {}: was cancelled or has failed, and is in its room", group.wishes.front());
  }
  std::set<std::string> ids;
  for (const std::size_t wish : group.wishes) {
    if (outcomes_[wish] && outcomes_[wish]->sent() && !ids.insert(*outcomes_[wish]->event_id).second) {
      broken("wish {}: is said to be the event of its twin", wish);
    }
  }
  for (const RoomEvent* event : group.events) {
    const auto* banned = ban_of(group.wishes.front());
    if (banned != nullptr && event->left > banned->since) {
      broken("wish {}: was sent although its owner was banned", group.wishes.front());
    }
  }
  if (group.wishes.size() == 1) {
    for (const RoomEvent* event : group.events) check_time(group.wishes.front(), *event);
  }
}

void Judgement::check_time(std::size_t wish, const RoomEvent& event) {
  const Wish& wanted = history_.wishes[wish];
  if (asked(wish, Asked::send, event.arrived)) return;
  Steady earliest = Steady::max();
  for (const Exchange* exchange : exchanges_[wish]) {
    if (exchange->asked == Asked::schedule) earliest = std::min(earliest, exchange->when + wanted.delay);
  }
  for (const Exchange* exchange : exchanges_[wish]) {
    const bool restarted = exchange->asked == Asked::restart && exchange->status == 200;
    if (restarted) earliest = std::max(earliest, exchange->when + wanted.delay);
  }
  // Afterword counts whole milliseconds, and goes on counting after a boot of its machine.
  if (event.arrived + 2ms + circumstances_.clock_error < earliest) {
    broken("wish {}: came at {:.6f} s, {} ms early", wish, seconds(event.arrived),
           std::chrono::duration_cast<Milliseconds>(earliest - event.arrived).count());
  }
  if (!outcomes_[wish] || !outcomes_[wish]->sent() || !circumstances_.clocks_steady) return;
  const WallTime due = outcomes_[wish]->delayed_since + wanted.delay;
  if (std::chrono::abs(event.origin_server_ts - due) > circumstances_.clock_error)
    broken("wish {}: has another time than the one it was scheduled for", wish);
  const auto late = Simulation::wall_at(event.arrived) - due;
  // What is held up holds up its room, and no other.
  const bool may_wait = homeserver_.holds_up(wanted.room_id);
  if (circumstances_.faultless && !may_wait && late > 2s + circumstances_.start_grace) {
    broken("wish {}: came {} ms late although nothing was wrong", wish, late.count());
  }
  if (circumstances_.longest_lateness && late > *circumstances_.longest_lateness) {
    broken("wish {}: came {} ms late although the homeserver was never away", wish, late.count());
  }
}

// Whether Afterword had confirmed, by then, the schedule or restart that set this time.
bool Judgement::timing_was_known(std::size_t wish, WallTime delayed_since, WallTime by) const {
  return std::any_of(exchanges_[wish].begin(), exchanges_[wish].end(), [&](const Exchange* exchange) {
    const bool sets = exchange->asked == Asked::schedule || exchange->asked == Asked::restart;
    return sets && exchange->status == 200 && Simulation::wall_at(exchange->when) <= delayed_since &&
           Simulation::wall_at(*exchange->answered) >= delayed_since && Simulation::wall_at(*exchange->answered) < by;
  });
}

// A wish is overdue from when it was last set to be due, or was asked for, until it has its outcome or was restarted.
void Judgement::add_overdue(std::size_t wish, std::vector<Overdue>& overdue) const {
  std::vector<Overdue> times;
  for (const Exchange* exchange : exchanges_[wish]) {  // in the order in which they were asked
    const bool schedules = exchange->asked == Asked::schedule && times.empty();
    const bool restarts = exchange->asked == Asked::restart && exchange->status == 200;
    if (restarts && !times.empty()) times.back().end_for_client(Simulation::wall_at(*exchange->answered));
    if (schedules || restarts) {
      times.push_back({Simulation::wall_at(exchange->when) + history_.wishes[wish].delay, WallTime::max()});
    } else if (exchange->asked == Asked::send && !times.empty()) {
      times.back().from = std::min(times.back().from, Simulation::wall_at(exchange->when));
    }
  }
  if (times.empty()) return;
  // Afterword counts whole milliseconds.
  if (const auto& outcome = outcomes_[wish]) {
    const WallTime finalised = outcome->finalised + 1ms + circumstances_.clock_error;
    if (outcome->cancelled()) {
      times.back().end_for_client(finalised);
    } else {
      times.back().to = finalised;
    }
  }
  overdue.insert(overdue.end(), times.begin(), times.end());
}

// For how long at most what had no outcome has held up a room by then: as long as anything there was overdue.
Milliseconds Judgement::longest_held_up(const domain::RoomId& room_id, WallTime by) const {
  std::vector<Overdue> overdue;
  for (std::size_t wish = 0; wish < history_.wishes.size(); ++wish) {
    if (history_.wishes[wish].room_id == room_id) add_overdue(wish, overdue);
  }
  std::sort(overdue.begin(), overdue.end(), [](const Overdue& a, const Overdue& b) { return a.from < b.from; });
  Milliseconds held{0};
  WallTime counted = WallTime::min();
  for (const Overdue& one : overdue) {
    const WallTime from = std::max(one.from, counted);
    const WallTime to = std::min(one.to, by);
    if (to <= from) continue;
    held += to - from;
    counted = to;
  }
  return held;
}

void Judgement::check_order() {
  if (!circumstances_.clocks_steady) return;
  struct Sent {
    std::size_t wish;
    const RoomEvent* event;
    WallTime due;
  };
  std::map<domain::RoomId, std::vector<Sent>> rooms;
  for (const auto& [content, group] : groups_) {
    if (group.wishes.size() != 1 || group.events.size() != 1) continue;
    const std::size_t wish = group.wishes.front();
    const RoomEvent* event = group.events.front();
    if (!outcomes_[wish] || !outcomes_[wish]->sent() || asked(wish, Asked::send, event->arrived)) continue;
    rooms[event->room_id].push_back({wish, event, outcomes_[wish]->delayed_since + history_.wishes[wish].delay});
  }
  // Whether it may have been sent while a process was still waiting for clients.
  const auto overtakes_in_grace = [&](const Sent& sent) {
    if (circumstances_.start_grace == 0ms) return false;
    if (circumstances_.has_outages) return true;
    return std::any_of(circumstances_.starts.begin(), circumstances_.starts.end(), [&](Steady start) {
      return start <= sent.event->arrived && sent.due <= Simulation::wall_at(start + circumstances_.start_grace) + 1s;
    });
  };
  for (const auto& [room_id, events] : rooms) {
    for (const Sent& first : events) {
      for (const Sent& second : events) {
        if (first.due + 2 * circumstances_.clock_error >= second.due || first.event->arrived <= second.event->arrived)
          continue;
        if (!timing_was_known(first.wish, outcomes_[first.wish]->delayed_since, second.due)) continue;
        // Where Afterword waited long enough for lost answers, or for clients after an outage.
        if (longest_held_up(room_id, Simulation::wall_at(second.event->left)) >= circumstances_.longest_hold) continue;
        if (overtakes_in_grace(second)) continue;
        broken("wish {}: came after wish {}, which was due {} ms after it", first.wish, second.wish,
               (second.due - first.due).count());
      }
    }
  }
}

}  // namespace

std::vector<std::string> broken_promises(const History& history, const SimulatedHomeserver& homeserver,
                                         const Circumstances& circumstances) {
  return Judgement(history, homeserver, circumstances).judge();
}

}  // namespace afterword::sim
