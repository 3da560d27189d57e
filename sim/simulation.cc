#include "sim/simulation.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>

namespace afterword::sim {
namespace {

constexpr Steady begin{std::chrono::hours(1)};
constexpr WallTime wall_at_begin = wall_from_ms(1'800'000'000'000);

}  // namespace

// --- Simulation ---

WallTime Simulation::wall_at(Steady when) { return wall_at_begin + std::chrono::floor<Milliseconds>(when - begin); }

void Simulation::at(Steady when, std::function<void()> action) {
  plan_.emplace(std::max(when, now_), std::move(action));
}

void Simulation::run(const std::function<bool()>& done, Steady limit) {
  while (!done()) {
    if (!run_one_handler() && !move_on(limit)) return;
    between_steps();
  }
}

bool Simulation::run_one_handler() {
  std::vector<Node*> ready;
  for (Node* node : nodes_) {
    if (node->ready_ && !node->paused_ && !node->doomed_) ready.push_back(node);
  }
  while (!ready.empty()) {
    const auto chosen = ready.begin() + static_cast<std::ptrdiff_t>(random_.below(ready.size()));
    Node* node = *chosen;
    if (node->context_.poll_one() > 0) {
      ++handlers_;
      return true;
    }
    node->ready_ = false;
    ready.erase(chosen);
  }
  return false;
}

bool Simulation::move_on(Steady limit) {
  Steady next = plan_.empty() ? Steady::max() : plan_.begin()->first;
  Node* sleeper = nullptr;
  for (Node* node : nodes_) {
    if (node->paused_ || node->doomed_ || node->alarms_.empty()) continue;
    const Steady first = node->alarms_.begin()->first;
    if (first < next || (first == next && random_.chance(0.5))) {
      next = first;
      sleeper = node;
    }
  }
  if (next == Steady::max() || next > limit) {
    now_ = std::max(now_, limit);
    return false;
  }
  now_ = std::max(now_, next);
  if (sleeper != nullptr) {
    sleeper->alarms_.begin()->second->ring();
  } else {
    auto action = std::move(plan_.begin()->second);
    plan_.erase(plan_.begin());
    action();
  }
  return true;
}

void Simulation::write_trace(const std::string& text) {
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(now_ - begin).count();
  trace_line(fmt::format("{:>11.6f}  {}", static_cast<double>(time) / 1e6, text));
}

// --- The clock of a node ---

NodeClock::NodeClock(Node& node, const Machine& machine) : node_(node), machine_(machine) {
  follow(resume({}, machine_time()));
}

MachineTime NodeClock::machine_time() const {
  return {std::to_string(machine_.boots), since_boot(), node_.simulation().wall() + machine_.wall_offset};
}

Milliseconds NodeClock::since_boot() const {
  return std::chrono::floor<Milliseconds>(node_.simulation().now() - machine_.booted);
}

Steady NodeClock::steady_now() const { return node_.simulation().now(); }

Task<void> NodeClock::sleep_until(Steady when) {
  if (when <= steady_now()) co_return;
  Alarm alarm(node_, when);
  co_await alarm.wait();
}

// --- Node ---

Node::Node(Simulation& simulation, std::string name, const Machine& machine)
    : simulation_(simulation), name_(std::move(name)), clock_(*this, machine), work_(context_.get_executor()) {
  simulation_.nodes_.push_back(this);
}

Node::~Node() { std::erase(simulation_.nodes_, this); }

void Node::spawn(Task<void> task) {
  ready_ = true;
  asio::co_spawn(context_, std::move(task), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

void Node::resume() {
  paused_ = false;
  ready_ = true;
}

void Node::abandon() {
  doomed_ = true;
  context_.abandon();
}

// --- Alarm ---

Alarm::Alarm(Node& node, Steady when)
    : node_(node),
      timer_(node.context_, asio::steady_timer::time_point::max()),
      place_(node.alarms_.emplace(when, this)) {}

Alarm::~Alarm() {
  if (!rung_) node_.alarms_.erase(place_);
}

void Alarm::ring() {
  if (rung_) return;
  node_.alarms_.erase(place_);
  rung_ = true;
  node_.ready_ = true;
  timer_.cancel();
}

Task<void> Alarm::wait() {
  if (rung_) co_return;
  boost::system::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace afterword::sim
