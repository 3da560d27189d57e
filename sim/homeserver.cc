#include "sim/homeserver.h"

#include "base/json.h"

#include <algorithm>

namespace afterword::sim {
namespace {

using namespace std::chrono_literals;
using homeserver::CannotTell;
using homeserver::Flush;
using homeserver::LookAnswer;
using homeserver::MayNotLook;
using homeserver::NotArrived;
using homeserver::Refused;
using homeserver::SendAnswer;
using homeserver::Sent;
using homeserver::Unclear;

Refused refused(int status, const std::string& errcode) {
  return {domain::HomeserverError{status, R"({"errcode":")" + errcode + R"(","error":"No"})"}, errcode, std::nullopt};
}

const char* name_of(const SendAnswer& answer) {
  constexpr const char* names[] = {"sent", "refused", "not arrived", "unclear"};
  return names[answer.index()];
}

}  // namespace

// --- One process's way to it ---

class SimulatedHomeserver::Link final : public homeserver::Homeserver {
 public:
  Link(SimulatedHomeserver& homeserver, Node& node, std::function<void(const char*)> step)
      : there_(homeserver), node_(node), step_(std::make_shared<std::function<void(const char*)>>(std::move(step))) {}

  // Leaves the mark by which a later look knows whether the homeserver was restarted. Synapse needs none.
  Task<std::optional<NotArrived>> prepare(domain::DelayId delay_id) override {
    if (there_.product_ == Product::synapse) co_return std::nullopt;
    const auto call = std::make_shared<Call<Mark>>(node_, there_.simulation_.now() + time_limit);
    begin_mark(delay_id, call);
    co_await call->wait();
    if (call->answer()) co_return *call->answer();
    co_return NotArrived{"timed out"};
  }

  Task<SendAnswer> send(domain::DelayId delay_id, const domain::EventToSend& event, domain::Attempt attempt,
                        Milliseconds send_limit) override {
    const Request request{delay_id, event, attempt.origin_server_ts, there_.simulation_.now()};
    const auto call = std::make_shared<Call<SendAnswer>>(node_, there_.simulation_.now() + send_limit);
    begin(request, call);
    co_await call->wait();
    if (call->answer()) co_return *call->answer();
    Unclear unclear{"timed out"};
    unclear.may_be_queued = there_.product_ == Product::dendrite;
    co_return unclear;
  }

  Task<LookAnswer> look_for(domain::DelayId delay_id, const domain::EventToSend& event,
                            domain::Attempt attempt) override {
    const Request request{delay_id, event, attempt.origin_server_ts, there_.simulation_.now()};
    const auto call = std::make_shared<Call<LookAnswer>>(node_, there_.simulation_.now() + time_limit);
    begin_look(request, call);
    co_await call->wait();
    if (call->answer()) co_return *call->answer();
    co_return CannotTell{"timed out"};
  }

  Task<Flush> flush_queue(const domain::EventToSend& event) override {
    const auto call = std::make_shared<Call<Flush>>(node_, there_.simulation_.now() + time_limit + barrier_limit);
    begin_flush(event, call);
    co_await call->wait();
    co_return call->answer().value_or(Flush::not_done);
  }

  Task<homeserver::WayAnswer> ask_way(domain::UserId) override {
    const auto call = std::make_shared<Call<homeserver::WayAnswer>>(node_, there_.simulation_.now() + way_limit);
    homeserver::WayAnswer answer = homeserver::Open{};
    nanoseconds time = brief();
    if (const auto* in_place = there_.answer_in_place()) {
      answer = homeserver::read_way_answer(*in_place, there_.simulation_.wall());
    } else if (there_.down_) {
      answer = homeserver::Closed{"connection refused"};
    } else {
      time += there_.rest_of_hang();
    }
    answer_after<homeserver::WayAnswer>(time, call, std::move(answer), "way answered");
    co_await call->wait();
    if (call->answer()) co_return *call->answer();
    co_return homeserver::Closed{"timed out"};
  }

  // Clients' tokens are looked into before the handlers, and so not part of this world.
  Task<homeserver::WhoamiAnswer> whoami(homeserver::Credentials, http::Headers) override {
    co_return homeserver::Unreachable{"not simulated"};
  }

 private:
  nanoseconds brief() { return there_.takes_time ? nanoseconds(there_.random_.time(500us, 20ms)) : nanoseconds(100us); }

  using Mark = std::optional<NotArrived>;

  void begin_mark(domain::DelayId delay_id, const std::shared_ptr<Call<Mark>>& call);
  void begin_flush(const domain::EventToSend& event, const std::shared_ptr<Call<Flush>>& call);
  void begin(const Request& request, const std::shared_ptr<Call<SendAnswer>>& call);
  void begin_look(const Request& request, const std::shared_ptr<Call<LookAnswer>>& call);

  // What the node hears, and when. `step` is not told of a node that is gone.
  template <class Answer>
  void answer_after(nanoseconds time, std::weak_ptr<Call<Answer>> call, Answer answer, const char* step) {
    there_.simulation_.after(time, [call = std::move(call), answer = std::move(answer), step, told = step_]() mutable {
      const auto waiting = call.lock();
      if (!waiting) return;
      (*told)(step);
      waiting->deliver(std::move(answer));
    });
  }

  SimulatedHomeserver& there_;
  Node& node_;
  std::shared_ptr<std::function<void(const char*)>> step_;
};

std::unique_ptr<homeserver::Homeserver> SimulatedHomeserver::link(Node& node, std::function<void(const char*)> step) {
  return std::make_unique<Link>(*this, node, std::move(step));
}

SimulatedHomeserver::Fate SimulatedHomeserver::draw_fate() {
  struct Part {
    double share;
    Fate fate;
  };
  const Part parts[] = {{faults.slow, Fate::slow},
                        {faults.lost_before, Fate::lost_before},
                        {faults.lost_after, Fate::lost_after},
                        {faults.error_before, Fate::error_before},
                        {faults.error_after, Fate::error_after},
                        {faults.rate_limited, Fate::limited},
                        {faults.overloaded, Fate::overload}};
  for (const Part& part : parts) {
    if (part.share > 0 && random_.chance(part.share)) {
      ++faults_made_;
      return part.fate;
    }
  }
  return Fate::answered;
}

void SimulatedHomeserver::Link::begin_mark(domain::DelayId delay_id, const std::shared_ptr<Call<Mark>>& call) {
  SimulatedHomeserver& there = there_;
  const Fate fate = there.draw_fate();
  const std::weak_ptr<Call<Mark>> waiting = call;
  const bool fails = fate == Fate::lost_before || fate == Fate::error_before || fate == Fate::overload;
  if (there.down_ || fails || there.answer_in_place() != nullptr) {
    answer_after<Mark>(brief(), waiting, NotArrived{"not reachable"}, "mark failed");
    return;
  }
  const bool lost = fate == Fate::lost_after || fate == Fate::error_after;
  const auto restarts = there.restarts_;
  there.simulation_.after(there.rest_of_hang() + brief(),
                          [&there, delay_id, waiting, restarts, lost, back = brief(), this] {
                            const bool is_cut = there.restarts_ != restarts;
                            if (!is_cut) there.marks_.insert(delay_id);
                            if (waiting.expired()) return;
                            if (is_cut || lost) {
                              answer_after<Mark>(back, waiting, NotArrived{"connection reset"}, "mark failed");
                            } else {
                              answer_after<Mark>(back, waiting, std::nullopt, "mark left");
                            }
                          });
}

// Who is not in the room cannot have it worked off, and cannot send there either. Half of the time it is waited for
// until all that came out of the queue shows.
void SimulatedHomeserver::Link::begin_flush(const domain::EventToSend& event,
                                            const std::shared_ptr<Call<Flush>>& call) {
  SimulatedHomeserver& there = there_;
  const std::weak_ptr<Call<Flush>> waiting = call;
  if (there.down_ || there.answer_in_place() != nullptr || there.random_.chance(there.faults.cannot_look)) {
    answer_after<Flush>(brief(), waiting, Flush::not_done, "flush failed");
    return;
  }
  const auto restarts = there.restarts_;
  const bool may_send = !there.kicked_.contains({event.user_id, event.room_id});
  const bool has_barrier = there.random_.chance(0.5);
  there.simulation_.after(there.rest_of_hang() + brief(), [&there, room_id = event.room_id, may_send, has_barrier,
                                                           waiting, restarts, back = brief(), this] {
    if (there.restarts_ != restarts) {
      if (!waiting.expired()) answer_after<Flush>(back, waiting, Flush::not_done, "flush failed");
      return;
    }
    if (may_send) there.work_off_queue(room_id);
    if (waiting.expired()) return;
    const nanoseconds until_shown = there.time_until_all_shows();
    if (has_barrier && until_shown <= barrier_limit) {
      answer_after<Flush>(until_shown + back, waiting, Flush::shown, "queue flushed");
    } else {
      answer_after<Flush>(back, waiting, Flush::done, "queue flushed");
    }
  });
}

void SimulatedHomeserver::Link::begin(const Request& request, const std::shared_ptr<Call<SendAnswer>>& call) {
  SimulatedHomeserver& there = there_;
  const Fate fate = there.draw_fate();
  const std::weak_ptr<Call<SendAnswer>> waiting = call;
  there.simulation_.trace("{} sends {} ({}, fate {})", node_.name(), request.delay_id.to_string(),
                          request.event.content, static_cast<int>(fate));
  if (const auto* in_place = there.answer_in_place()) {
    answer_after<SendAnswer>(brief(), waiting, homeserver::read_send_answer(*in_place, there.simulation_.wall()),
                             "middlebox");
    return;
  }
  if (there.down_) {
    answer_after<SendAnswer>(brief(), waiting, NotArrived{"connection refused"}, "send refused");
    return;
  }
  if (auto answer = there.answer_to_banned(request.event)) {
    answer_after<SendAnswer>(brief(), waiting, std::move(*answer), "account refused");
    return;
  }
  if (const HeldUp* held_up = there.find_held_up(request.event)) {
    ++there.faults_made_;
    if (held_up->for_ever) there.note_given_up(request.event, held_up->answer);
    if (!held_up->answer) return;
    answer_after<SendAnswer>(brief(), waiting, homeserver::read_send_answer(*held_up->answer, there.simulation_.wall()),
                             "send stuck");
    return;
  }
  switch (fate) {
    case Fate::lost_before:
      answer_after<SendAnswer>(there.random_.time(1ms, 3s), waiting, Unclear{"connection reset"}, "send lost");
      return;
    case Fate::error_before:
      answer_after<SendAnswer>(brief(), waiting, Unclear{"502"}, "send 5xx");
      return;
    case Fate::limited:
      answer_after<SendAnswer>(there.rest_of_hang() + brief(), waiting,
                               there.refuse(request.event, 429, "M_LIMIT_EXCEEDED"), "send limited");
      return;
    case Fate::overload:
      answer_after<SendAnswer>(brief(), waiting,
                               NotArrived{"429", Milliseconds(there.random_.between(100, 5000)), std::nullopt},
                               "send overloaded");
      return;
    default:
      break;
  }

  const bool lost = fate == Fate::lost_after || fate == Fate::error_after;
  // When its answer comes before it has taken effect, or its process is gone, it may still take effect a while later.
  nanoseconds effect = brief() + brief();
  if (fate == Fate::slow) effect = there.random_.time(500ms, time_limit + late_effect - 1s);
  nanoseconds lost_after = there.random_.time(0ms, 2s);
  const bool answered_first = lost && there.random_.chance(0.3) && there.rest_of_hang() == 0ns;
  if (answered_first) {
    answer_after<SendAnswer>(brief(), waiting, Unclear{"connection reset"}, "send lost");
    effect = there.random_.time(20ms, late_effect - 1s);
  }
  if (const auto hang = there.rest_of_hang(); hang > 0ns)
    effect = hang + std::min<nanoseconds>(effect, late_effect - 1s);
  const auto restarts = there.restarts_;
  const bool seen_before = there.transactions_.contains(path_of(request));
  const std::weak_ptr<const void> process = step_;
  there.simulation_.after(effect, [&there, request, waiting, process, restarts, lost, answered_first, lost_after,
                                   effect, seen_before, back = brief(), this]() mutable {
    const bool alive = !waiting.expired();
    if (process.expired() && effect > late_effect) return;
    if (there.restarts_ != restarts) {  // it went down meanwhile
      if (alive) answer_after<SendAnswer>(0ns, waiting, Unclear{"connection reset"}, "send cut");
      const bool queued = there.product_ == Product::dendrite && there.random_.chance(0.5);
      if (queued) there.put_into_queue(request);
      return;
    }
    there.work_off_queue(request.event.room_id);
    SendAnswer answer = there.apply(request, seen_before);
    // Afterword cannot tell why a Dendrite refuses, and hears that it may be for its being stopped.
    if (auto* refusal = std::get_if<Refused>(&answer)) refusal->may_be_stopping = there.product_ == Product::dendrite;
    there.simulation_.trace("homeserver: {} {}", request.delay_id.to_string(), name_of(answer));
    if (!alive || answered_first) return;
    (*step_)("send applied");
    if (lost) {
      answer_after<SendAnswer>(lost_after, waiting, Unclear{"answer lost"}, "send lost");
    } else {
      answer_after<SendAnswer>(back, waiting, std::move(answer), "send answered");
    }
  });
}

void SimulatedHomeserver::Link::begin_look(const Request& request, const std::shared_ptr<Call<LookAnswer>>& call) {
  SimulatedHomeserver& there = there_;
  const std::weak_ptr<Call<LookAnswer>> waiting = call;
  there.simulation_.trace("{} looks for {}", node_.name(), request.delay_id.to_string());
  if (there.down_ || there.answer_in_place() != nullptr || there.random_.chance(there.faults.cannot_look)) {
    ++there.faults_made_;
    answer_after<LookAnswer>(brief(), waiting, CannotTell{"not reachable"}, "look failed");
    return;
  }
  const auto restarts = there.restarts_;
  there.simulation_.after(there.rest_of_hang() + brief(), [&there, request, waiting, restarts, back = brief(), this] {
    if (waiting.expired()) return;
    LookAnswer answer = there.restarts_ == restarts ? there.search(request) : LookAnswer(CannotTell{"reset"});
    if (const auto* found = std::get_if<homeserver::Candidates>(&answer)) {
      there.simulation_.trace("homeserver: {} candidates for {}", found->events.size(), request.delay_id.to_string());
    }
    answer_after<LookAnswer>(back, waiting, std::move(answer), "look answered");
  });
}

// --- What it does ---

void SimulatedHomeserver::go_down() {
  simulation_.trace("homeserver: down");
  ++faults_made_;
  down_ = true;
  stopping_ = false;
  hung_until_ = simulation_.now();
  ++restarts_;
  std::erase_if(transactions_, [](const auto& entry) { return !entry.second.kept_on_restart; });
  marks_.clear();
}

void SimulatedHomeserver::stop() {
  if (product_ == Product::synapse) {
    go_down();
    return;
  }
  simulation_.trace("homeserver: is being stopped");
  ++faults_made_;
  stopping_ = true;
  simulation_.after(random_.time(50ms, time_to_stop), [this] {
    if (stopping_) go_down();
  });
}

// Half of them are made by themselves, the others stand still until something else comes to their room.
void SimulatedHomeserver::put_into_queue(const Request& request) {
  const domain::RoomId& room_id = request.event.room_id;
  const Steady ready = simulation_.now() + random_.time(0s, queue_time);
  queues_[room_id].push_back({request, ready});
  if (random_.chance(0.5)) work_off_queue_at(ready, room_id);
}

void SimulatedHomeserver::work_off_queue_at(Steady when, const domain::RoomId& room_id) {
  simulation_.after(when - simulation_.now(), [this, room_id] {
    if (down_) {
      work_off_queue_at(simulation_.now() + 1s, room_id);
    } else {
      work_off_queue(room_id);
    }
  });
}

void SimulatedHomeserver::work_off_queue(const domain::RoomId& room_id) {
  const auto queue = queues_.find(room_id);
  if (queue == queues_.end()) return;
  std::vector<Queued> waiting;
  for (Queued& queued : std::exchange(queue->second, {})) {
    if (queued.ready > simulation_.now()) {
      waiting.push_back(std::move(queued));
      continue;
    }
    simulation_.trace("homeserver: {} out of its queue", queued.request.delay_id.to_string());
    const std::size_t events_before = events_.size();
    apply(queued.request, false);
    if (events_.size() > events_before) events_.back().shown = simulation_.now() + random_.time(0s, time_to_show);
  }
  queue->second = std::move(waiting);
}

void SimulatedHomeserver::kick(const domain::UserId& user_id, const domain::RoomId& room_id) {
  simulation_.trace("homeserver: {} is kicked from {}", user_id.value, room_id.value);
  ++faults_made_;
  kicked_[{user_id, room_id}] = simulation_.now();
}

std::optional<Steady> SimulatedHomeserver::kicked_at(const domain::UserId& user_id,
                                                     const domain::RoomId& room_id) const {
  const auto found = kicked_.find({user_id, room_id});
  if (found == kicked_.end()) return std::nullopt;
  return found->second;
}

void SimulatedHomeserver::hold_up(const domain::UserId& user_id, const domain::RoomId& room_id,
                                  std::optional<homeserver::HttpAnswer> answer, bool for_ever) {
  const bool is_answer = answer && *answer;
  simulation_.trace("homeserver: holds up what {} sends to {}{}: {}", user_id.value, room_id.value,
                    for_ever ? " for ever" : "", is_answer ? (*answer)->status : 0);
  held_up_[{user_id, room_id}] = {std::move(answer), for_ever};
}

void SimulatedHomeserver::hang(nanoseconds time) {
  simulation_.trace("homeserver: hangs for {} ms", std::chrono::duration_cast<Milliseconds>(time).count());
  ++faults_made_;
  if (!down_) hung_until_ = std::max(hung_until_, simulation_.now() + time);
}

void SimulatedHomeserver::ban(const domain::UserId& user_id, Ban ban) {
  if (product_ == Product::dendrite || bans_.contains(user_id)) return;
  simulation_.trace("homeserver: {} is banned ({})", user_id.value, static_cast<int>(ban));
  ++faults_made_;
  bans_[user_id] = {ban, simulation_.now()};
}

const SimulatedHomeserver::Banned* SimulatedHomeserver::find_ban(const domain::UserId& user_id) const {
  const auto found = bans_.find(user_id);
  return found == bans_.end() ? nullptr : &found->second;
}

std::optional<SendAnswer> SimulatedHomeserver::answer_to_banned(const domain::EventToSend& event) {
  const Banned* const banned = asks_for_bans ? find_ban(event.user_id) : nullptr;
  if (banned == nullptr) return std::nullopt;
  switch (banned->ban) {
    case Ban::locked:
      return refuse(event, 401, "M_USER_LOCKED");
    case Ban::deactivated:
      return refuse(event, 403, "M_USER_DEACTIVATED");
    case Ban::suspended:
      return refuse(event, 403, "M_USER_SUSPENDED");
    case Ban::shadow:
      break;
  }
  return Sent{domain::EventId(fmt::format("$made-up{}", ++made_up_))};
}

void SimulatedHomeserver::let_through() {
  for (auto& [who, held_up] : held_up_) held_up.ended = !held_up.for_ever;
}

const SimulatedHomeserver::HeldUp* SimulatedHomeserver::find_held_up(const domain::EventToSend& event) const {
  const auto found = held_up_.find({event.user_id, event.room_id});
  return found == held_up_.end() || found->second.ended ? nullptr : &found->second;
}

bool SimulatedHomeserver::holds_up(const domain::RoomId& room_id) const {
  return std::any_of(held_up_.begin(), held_up_.end(),
                     [&](const auto& entry) { return entry.first.second == room_id; });
}

bool SimulatedHomeserver::holds_up(const domain::UserId& user_id, const domain::RoomId& room_id) const {
  return held_up_.contains({user_id, room_id});
}

bool SimulatedHomeserver::may_fail_with(const std::string& content, const std::string& errcode) const {
  const auto found = failures_.find(content);
  return found != failures_.end() && found->second.contains(errcode);
}

const homeserver::HttpAnswer* SimulatedHomeserver::answer_in_place() {
  if (!middlebox_ || !random_.chance(middlebox_->share)) return nullptr;
  ++faults_made_;
  return &middlebox_->answer;
}

// It fails with what was answered last: this, or what something else has answered meanwhile.
void SimulatedHomeserver::note_given_up(const domain::EventToSend& event,
                                        const std::optional<homeserver::HttpAnswer>& answer) {
  std::set<std::string>& errcodes = failures_[event.content];
  errcodes.insert("M_UNKNOWN");
  if (!answer || !*answer) return;
  const auto body = parse_json_object((*answer)->body);
  if (body) errcodes.insert(string_member(*body, "errcode").value_or("M_UNKNOWN"));
}

SendAnswer SimulatedHomeserver::refuse(const domain::EventToSend& event, int status, const std::string& errcode) {
  failures_[event.content].insert(errcode);
  return refused(status, errcode);
}

nanoseconds SimulatedHomeserver::time_until_all_shows() const {
  Steady latest = simulation_.now();
  for (const RoomEvent& event : events_) latest = std::max(latest, event.shown);
  return latest - simulation_.now();
}

std::string SimulatedHomeserver::path_of(const Request& request) {
  return fmt::format("{}/{}/{}/{}", request.event.room_id.value, static_cast<int>(request.event.kind),
                     request.event.type, request.delay_id.to_string());
}

SendAnswer SimulatedHomeserver::apply(const Request& request, bool seen_before) {
  const domain::EventToSend& event = request.event;
  const bool is_state = event.kind == domain::EventKind::state;
  const std::string path = path_of(request);
  if (stopping_) return refused(403, "M_FORBIDDEN");  // which is not true
  // Dendrite looks for the transaction when a request arrives and keeps it when it is done: two at once make two
  // events.
  if (!is_state && (product_ == Product::synapse || seen_before)) {
    const auto known = transactions_.find(path);
    if (known != transactions_.end()) return Sent{known->second.event_id};
  }
  if (product_ == Product::synapse && event.device_id && removed_devices_.contains(*event.device_id)) {
    return refuse(event, 400, "M_UNKNOWN_DEVICE");
  }
  if (kicked_.contains({event.user_id, event.room_id})) return refuse(event, 403, "M_FORBIDDEN");
  if (is_state) {
    const auto current = std::find_if(events_.rbegin(), events_.rend(), [&](const RoomEvent& other) {
      return other.kind == domain::EventKind::state && other.room_id == event.room_id && other.type == event.type &&
             other.state_key == event.state_key;
    });
    if (current != events_.rend() && current->content == event.content && current->sender == event.user_id) {
      return Sent{current->event_id};
    }
  }

  const domain::EventId event_id(fmt::format("$event{}", events_.size() + 1));
  events_.push_back({event_id, event.room_id, event.user_id, event.kind, event.type, event.state_key, event.content,
                     request.origin_server_ts, is_state ? std::string() : request.delay_id.to_string(),
                     simulation_.now(), simulation_.now(), request.left});
  if (!is_state) {
    transactions_[path] = {event_id, product_ == Product::synapse && event.device_id.has_value()};
  }
  return Sent{event_id};
}

LookAnswer SimulatedHomeserver::search(const Request& request) const {
  const domain::EventToSend& event = request.event;
  if (kicked_.contains({event.user_id, event.room_id})) return MayNotLook{};
  homeserver::Candidates found;
  for (const RoomEvent& other : events_) {
    const bool same = other.room_id == event.room_id && other.sender == event.user_id && other.kind == event.kind &&
                      other.type == event.type && other.state_key == event.state_key &&
                      other.content == event.content && other.origin_server_ts == request.origin_server_ts;
    const bool other_transaction = product_ == Product::synapse && event.kind != domain::EventKind::state &&
                                   other.txn_id != request.delay_id.to_string();
    if (same && !other_transaction && other.shown <= simulation_.now()) found.events.push_back(other.event_id);
  }
  found.may_be_queued = found.events.empty() && product_ == Product::dendrite && !marks_.contains(request.delay_id);
  return found;
}

}  // namespace afterword::sim
