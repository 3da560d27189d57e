#include "sim/clients.h"

#include "base/json.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace afterword::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::array names{"schedule", "restart", "cancel", "send", "look up"};

const char* name_of(Asked asked) { return names[static_cast<std::size_t>(asked)]; }

}  // namespace

// What becomes of a wish once it is scheduled.
struct Clients::Life {
  nanoseconds begins{};
  // One after the other: a pause, and what is asked then.
  struct Act {
    nanoseconds pause;
    Asked asked;
  };
  std::vector<Act> acts;
};

Clients::Clients(Simulation& simulation, Random random, FindServer find_server)
    : simulation_(simulation),
      random_(random),
      find_server_(std::move(find_server)),
      node_(std::make_unique<Node>(simulation, "clients", machine_)) {}

Clients::~Clients() { node_->abandon(); }

Wish Clients::draw_wish(std::size_t number) {
  Wish wish;
  const auto user = random_.below(3);
  wish.user_id = domain::UserId(fmt::format("@user{}:example.org", user));
  if (random_.chance(0.7)) wish.device_id = domain::DeviceId(fmt::format("DEVICE{}", user));
  wish.room_id = domain::RoomId(fmt::format("!room{}:example.org", random_.below(2)));
  const auto kind = random_.below(10);
  if (kind < 5) {
    wish.kind = domain::EventKind::message;
    wish.type = "m.room.message";
  } else if (kind < 9) {
    wish.kind = domain::EventKind::state;
    wish.type = "org.matrix.msc3401.call.member";
    wish.state_key = wish.user_id.value;
  } else {
    wish.kind = domain::EventKind::redaction;
    wish.type = "m.room.redaction";
  }
  wish.content =
      fmt::format(R"({{"{}":"wish{}"}})", wish.kind == domain::EventKind::redaction ? "reason" : "body", number);
  const auto length = random_.below(10);
  if (length < 2) {
    wish.delay = Milliseconds(random_.between(1, 200));
  } else if (length < 8) {
    wish.delay = Milliseconds(random_.between(1, 12) * 1000);
  } else {
    wish.delay = Milliseconds(random_.between(200, 30'000));
  }
  if (wish.kind != domain::EventKind::state && random_.chance(0.7)) wish.txn_id = fmt::format("txn{}", number);
  return wish;
}

void Clients::begin(Manner manner) {
  manner_ = manner;
  while (history_.wishes.size() < manner.wishes) {
    Wish wish = draw_wish(history_.wishes.size());
    const bool twins = wish.kind == domain::EventKind::message && random_.chance(0.15);
    Life life;
    life.begins = random_.time(0ns, manner.period);
    const auto sort = random_.below(10);
    if (sort < 2) {
      // It is left to its time.
    } else if (sort < 6) {  // heartbeats, until the client is gone or leaves by itself
      const auto beat = wish.delay * 5 / 8;
      for (auto beats = random_.between(1, 6); beats > 0; --beats) life.acts.push_back({beat, Asked::restart});
      const auto end = random_.below(4);
      if (end == 0) life.acts.push_back({random_.time(0ns, beat), Asked::cancel});
      if (end == 1) life.acts.push_back({random_.time(0ns, beat), Asked::send});
    } else if (sort < 8) {  // something close to its time
      constexpr std::array actions{Asked::restart, Asked::cancel, Asked::send};
      const auto about = wish.delay + Milliseconds(random_.between(-60, 60));
      life.acts.push_back({std::max<nanoseconds>(about, 0ns), random_.pick(actions)});
    } else {  // anything
      constexpr std::array actions{Asked::restart, Asked::restart, Asked::cancel, Asked::send, Asked::look_up};
      for (auto count = random_.between(1, 5); count > 0; --count) {
        life.acts.push_back({random_.time(0ns, wish.delay * 3 / 2), random_.pick(actions)});
      }
    }
    if (random_.chance(0.3)) life.acts.push_back({random_.time(0ns, wish.delay * 2), Asked::look_up});

    for (int copy = 0; copy < (twins ? 2 : 1); ++copy) {
      if (copy == 1 && wish.txn_id) *wish.txn_id += "-twin";
      history_.wishes.push_back(wish);
      finalised_.push_back(false);
      ++living_;
      node_->spawn(live(history_.wishes.size() - 1, life));
    }
  }
}

Task<void> Clients::live(std::size_t wish, Life life) {
  co_await node_->clock().sleep_until(simulation_.now() + life.begins);
  const bool scheduled = co_await schedule(wish);
  if (scheduled) {
    for (const Life::Act& next : life.acts) {
      co_await node_->clock().sleep_until(simulation_.now() + next.pause);
      co_await act(wish, next.asked);
    }
  }
  --living_;
}

Request Clients::schedule_request(const Wish& wish, api::WireForm form) const {
  api::ScheduleRequest request;
  request.form = form;
  request.caller = {wish.user_id, wish.device_id, false};
  request.kind = wish.kind;
  request.room_id = wish.room_id;
  request.type = wish.type;
  if (wish.txn_id) {
    request.transaction = domain::TransactionKey::of(wish.user_id, wish.device_id, "/send", *wish.txn_id);
  }
  if (form == api::WireForm::legacy) {
    request.delay = std::to_string(wish.delay.count());
    request.state_key = wish.state_key;
    if (wish.kind == domain::EventKind::redaction) request.redacts = domain::EventId("$redacted");
    request.body = wish.content;
  } else {
    json::object body;
    body["delay_ms"] = wish.delay.count();
    body["content"] = *parse_json(wish.content);
    if (wish.kind == domain::EventKind::state) body["state_key"] = wish.state_key;
    request.body = json::serialize(body);
  }
  return request;
}

// Whether the client was told its delay_id.
Task<bool> Clients::schedule(std::size_t number) {
  const Wish wish = history_.wishes[number];
  // Only the legacy routes have redactions, and state events without a transaction.
  api::WireForm form = api::WireForm::legacy;
  if (wish.txn_id && wish.kind == domain::EventKind::message && random_.chance(0.6)) {
    form = random_.chance(0.5) ? api::WireForm::stable : api::WireForm::unstable;
  }
  const auto tries = wish.txn_id ? 4 : 1;  // without a transaction a repetition would be another event
  for (int tried = 0; tried < tries; ++tried) {
    Request request = schedule_request(wish, form);
    // A repeated transaction is known without its body.
    if (history_.wishes[number].delay_id && random_.chance(0.5)) std::get<api::ScheduleRequest>(request).body.clear();
    auto asking = ask(number, Asked::schedule, form == api::WireForm::unstable, std::move(request));
    const Answer answer = co_await std::move(asking);
    if (answer.status == 200) {
      const auto body = parse_json_object(answer.body);
      if (!std::exchange(history_.wishes[number].delay_id, string_member(*body, "delay_id"))) ++open_;
      // Now and then the answer is not believed.
      if (tried + 1 < tries && random_.chance(0.1)) continue;
      break;
    }
    co_await node_->clock().sleep_until(simulation_.now() + random_.time(100ms, 2s));
  }
  co_return history_.wishes[number].delay_id.has_value();
}

Task<void> Clients::act(std::size_t number, Asked asked) {
  if (asked == Asked::look_up) {
    co_await find_out(number);
    co_return;
  }
  constexpr std::array actions{domain::Action::restart, domain::Action::restart, domain::Action::cancel,
                               domain::Action::send};
  const Wish wish = history_.wishes[number];
  const bool unstable = random_.chance(0.5);
  for (int tried = 0; tried < 3; ++tried) {
    api::ManageRequest request;
    request.form = unstable ? api::WireForm::unstable : api::WireForm::stable;
    if (!unstable || random_.chance(0.5)) request.caller = wish.user_id;
    request.delay_id = domain::DelayId::parse(*wish.delay_id);
    request.action = actions[static_cast<std::size_t>(asked)];
    auto asking = ask(number, asked, unstable, std::move(request));
    const Answer answer = co_await std::move(asking);
    const bool clear = answer.status == 200 || answer.status == 404 || answer.status == 409;
    if (clear || random_.chance(0.3)) co_return;
    co_await node_->clock().sleep_until(simulation_.now() + random_.time(50ms, 1s));
  }
}

Task<void> Clients::find_out(std::size_t number) {
  const Wish wish = history_.wishes[number];
  ++asking_;
  api::LookUpRequest request;
  request.form = random_.chance(0.5) ? api::WireForm::unstable : api::WireForm::stable;
  request.caller = wish.user_id;
  request.delay_id = domain::DelayId::parse(*wish.delay_id);
  auto asking = ask(number, Asked::look_up, false, std::move(request));
  const Answer answer = co_await std::move(asking);
  if (answer.status == 200 && !finalised_[number]) {
    const auto body = parse_json_object(answer.body);
    if (body && body->contains("finalised")) {
      finalised_[number] = true;
      --open_;
    }
  }
  --asking_;
}

void Clients::look_up_open() {
  for (std::size_t i = 0; i < history_.wishes.size(); ++i) {
    if (history_.wishes[i].delay_id && !finalised_[i]) node_->spawn(find_out(i));
  }
}

Task<Answer> Clients::ask(std::size_t wish, Asked asked, bool unstable, Request request) {
  const std::size_t number = history_.exchanges.size();
  history_.exchanges.push_back({wish, asked, unstable, simulation_.now(), std::nullopt, 0, {}});
  simulation_.trace("client: {} {}", name_of(asked), wish);
  const auto patience = random_.time(2s, 8s);
  const auto call = std::make_shared<Call<Answer>>(*node_, simulation_.now() + patience);

  const auto brief = [this] { return manner_.takes_time ? nanoseconds(random_.time(100us, 10ms)) : nanoseconds(50us); };
  std::function<void(Answer)> reply = [this, waiting = std::weak_ptr(call), back = brief(),
                                       lost = random_.chance(answers_lost)](Answer answer) {
    if (lost) return;
    simulation_.after(back, [waiting, answer = std::move(answer)] {
      if (const auto still = waiting.lock()) still->deliver(answer);
    });
  };
  simulation_.after(brief(), [this, request = std::move(request), reply = std::move(reply)]() mutable {
    Server* server = find_server_();
    if (server != nullptr) server->accept(std::move(request), std::move(reply));
  });

  co_await call->wait();
  Answer answer;
  if (call->answer()) answer = *call->answer();
  Exchange& exchange = history_.exchanges[number];
  exchange.status = answer.status;
  exchange.body = answer.body;
  if (answer.status != 0) exchange.answered = simulation_.now();
  simulation_.trace("client: {} {} told {} {}", name_of(asked), wish, answer.status, answer.body);
  co_return answer;
}

}  // namespace afterword::sim
