// A homeserver in memory that does what real ones were seen to do, and fails as they do.
//
// It has the rooms, which checkers look into. A process speaks to it through a link of its own; a request that has left
// goes on although its process is killed. Each request takes effect at a moment of its own between its leaving and its
// answer, which may be lost.
#pragma once

#include "homeserver/homeserver.h"
#include "homeserver/read_answer.h"
#include "sim/simulation.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace afterword::sim {

enum class Product : std::uint8_t { synapse, dendrite };

// What keeps an owner from sending, as Synapse knows it.
enum class Ban : std::uint8_t { locked, deactivated, suspended, shadow };

struct RoomEvent {
  domain::EventId event_id;
  domain::RoomId room_id;
  domain::UserId sender;
  domain::EventKind kind;
  std::string type;
  std::string state_key;
  std::string content;
  WallTime origin_server_ts;
  std::string txn_id;  // of messages and redactions
  Steady arrived;      // when it was in its room
  Steady shown;        // since when a look finds it
  Steady left;         // when the request that made it was sent
};

// How often each request meets a fault, while there are faults.
struct HomeserverFaults {
  double slow = 0;
  double lost_before = 0;   // the connection breaks before it took effect
  double lost_after = 0;    // and after
  double error_before = 0;  // 5xx
  double error_after = 0;
  double rate_limited = 0;  // the owner's own limit
  double overloaded = 0;    // the limit of something in front of it
  double cannot_look = 0;
};

class SimulatedHomeserver {
 public:
  SimulatedHomeserver(Simulation& simulation, Random random, Product product)
      : simulation_(simulation), random_(random), product_(product) {}

  // The moments of requests.
  static constexpr std::array moments{
      "mark left",     "mark failed",  "send refused", "send limited", "send overloaded", "send applied",
      "send answered", "send lost",    "send cut",     "send 5xx",     "look answered",   "look failed",
      "queue flushed", "flush failed", "way answered", "send stuck",   "account refused", "middlebox"};

  // For a node, while it lives. `step` is told each moment of each request.
  std::unique_ptr<homeserver::Homeserver> link(Node& node, std::function<void(const char*)> step);

  // It goes, with what it has not yet done, and forgets what it keeps in memory. Dendrite first refuses for a moment
  // what it cannot do any more.
  void go_down();
  void stop();
  void come_up() { down_ = stopping_ = false; }
  void kick(const domain::UserId& user_id, const domain::RoomId& room_id);
  void remove_device(const domain::DeviceId& device_id) { removed_devices_.insert(device_id); }

  // A middlebox gives this answer to a share of all requests, which then do not arrive, until it is removed.
  void put_in_front(homeserver::HttpAnswer answer, double share) { middlebox_ = Middlebox{std::move(answer), share}; }
  void remove_middlebox() { middlebox_.reset(); }
  // Nothing that this owner sends to this room gets through: it is answered so, or never; for ever, or until
  // let_through().
  void hold_up(const domain::UserId& user_id, const domain::RoomId& room_id,
               std::optional<homeserver::HttpAnswer> answer, bool for_ever);
  void let_through();
  // It does nothing for so long, and then goes on with what it was asked meanwhile.
  void hang(nanoseconds time);
  // Of an account, by an administrator. Dendrite says nothing of it.
  void ban(const domain::UserId& user_id, Ban ban);
  bool asks_for_bans = true;

  HomeserverFaults faults;
  bool takes_time = true;  // network and work

  const std::vector<RoomEvent>& events() const { return events_; }
  // When that user was last made to leave that room, if so.
  std::optional<Steady> kicked_at(const domain::UserId& user_id, const domain::RoomId& room_id) const;
  // Whether anybody's events to that room were held up, or that user's.
  bool holds_up(const domain::RoomId& room_id) const;
  bool holds_up(const domain::UserId& user_id, const domain::RoomId& room_id) const;
  // Whether an event of that content may have failed so: the homeserver has refused it, or it was held up for ever.
  struct Banned {
    Ban ban;
    Steady since;
  };
  const Banned* find_ban(const domain::UserId& user_id) const;
  bool may_fail_with(const std::string& content, const std::string& errcode) const;
  std::uint64_t faults_made() const { return faults_made_; }

  // Limits that its design relies on: how long Afterword waits for an answer, and how long after that a request may
  // still take effect (less than delivery's quiet time).
  static constexpr std::chrono::seconds time_limit{10};
  static constexpr std::chrono::seconds late_effect{4};
  // How long Afterword waits for the answer whether it is there.
  static constexpr std::chrono::seconds way_limit{5};
  // How long Dendrite, when it is up again, may take to make what it was busy with when it went down; and to show that.
  static constexpr std::chrono::seconds queue_time{310};
  static constexpr std::chrono::seconds time_to_show{28};
  // How long it is waited for until it shows what it has made.
  static constexpr std::chrono::seconds barrier_limit{20};
  // How long it refuses while it is being stopped: less than after what delivery asks again.
  static constexpr std::chrono::milliseconds time_to_stop{600};

 private:
  class Link;
  struct Request {  // PUT
    domain::DelayId delay_id;
    domain::EventToSend event;
    WallTime origin_server_ts;
    Steady left;
  };
  struct Transaction {
    domain::EventId event_id;
    bool kept_on_restart;
  };
  struct Queued {  // what Dendrite was busy with when it went down
    Request request;
    Steady ready;  // from then on it may be made, by itself or when something else comes to its room
  };

  struct Middlebox {
    homeserver::HttpAnswer answer;
    double share;
  };
  struct HeldUp {
    std::optional<homeserver::HttpAnswer> answer;
    bool for_ever;
    bool ended = false;
  };

  enum class Fate : std::uint8_t {
    answered,
    slow,
    lost_before,
    lost_after,
    error_before,
    error_after,
    limited,
    overload
  };
  Fate draw_fate();

  // What a middlebox answers to the next request, if it does.
  const homeserver::HttpAnswer* answer_in_place();
  nanoseconds rest_of_hang() const { return std::max<nanoseconds>(hung_until_ - simulation_.now(), nanoseconds(0)); }
  std::optional<homeserver::SendAnswer> answer_to_banned(const domain::EventToSend& event);
  const HeldUp* find_held_up(const domain::EventToSend& event) const;
  void note_given_up(const domain::EventToSend& event, const std::optional<homeserver::HttpAnswer>& answer);
  homeserver::SendAnswer refuse(const domain::EventToSend& event, int status, const std::string& errcode);
  homeserver::SendAnswer apply(const Request& request, bool seen_before);
  void put_into_queue(const Request& request);
  void work_off_queue(const domain::RoomId& room_id);
  void work_off_queue_at(Steady when, const domain::RoomId& room_id);
  homeserver::LookAnswer search(const Request& request) const;
  nanoseconds time_until_all_shows() const;
  static std::string path_of(const Request& request);

  Simulation& simulation_;
  Random random_;
  const Product product_;
  bool down_ = false;
  bool stopping_ = false;
  std::uint64_t restarts_ = 0;
  std::vector<RoomEvent> events_;
  std::map<std::string, Transaction> transactions_;  // by path
  std::set<domain::DelayId> marks_;                  // left since it came up
  std::map<domain::RoomId, std::vector<Queued>> queues_;
  std::map<std::pair<domain::UserId, domain::RoomId>, Steady> kicked_;
  std::set<domain::DeviceId> removed_devices_;
  std::optional<Middlebox> middlebox_;
  std::map<std::pair<domain::UserId, domain::RoomId>, HeldUp> held_up_;
  Steady hung_until_{};
  std::map<domain::UserId, Banned> bans_;
  std::uint64_t made_up_ = 0;                              // events that a shadow-banned owner was told of
  std::map<std::string, std::set<std::string>> failures_;  // errcodes by content
  std::uint64_t faults_made_ = 0;
};

}  // namespace afterword::sim
