// Simulated time, and the processes that live in it. Nothing happens but what is planned here: a handler of a process
// runs, or, when none is ready, time goes on to what comes next. Which of several is drawn from the seed.
//
// A process is a node: an executor and a clock of its own. Between any two of its handlers it may be killed, which
// destroys its tasks wherever they wait; or be paused, while time goes on for the others.
#pragma once

#include "async/clock.h"
#include "sim/random.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace afterword::sim {

namespace asio = boost::asio;
using async::Steady;
using async::Task;
using std::chrono::nanoseconds;

class Node;

class Simulation {
 public:
  explicit Simulation(Random random) : random_(random) {}
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Steady now() const { return now_; }
  // True time as Matrix writes it. A node's own clock may differ.
  WallTime wall() const { return wall_at(now_); }
  static WallTime wall_at(Steady when);

  void at(Steady when, std::function<void()> action);
  void after(nanoseconds time, std::function<void()> action) { at(now_ + time, std::move(action)); }

  // Until `done` or `limit`, or nothing can happen any more.
  void run(const std::function<bool()>& done, Steady limit);

  // Called after each handler and each planned action: the place to kill a process.
  std::function<void()> between_steps = [] {};

  // Of a replay, line by line.
  std::function<void(const std::string&)> trace_line;
  template <class... Arguments>
  void trace(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (trace_line) write_trace(fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  std::uint64_t handlers() const { return handlers_; }

 private:
  friend class Node;
  bool run_one_handler();
  bool move_on(Steady limit);
  void write_trace(const std::string& text);

  Random random_;
  Steady now_{std::chrono::hours(1)};
  std::multimap<Steady, std::function<void()>> plan_;
  std::vector<Node*> nodes_;
  std::uint64_t handlers_ = 0;
};

// What processes run on: its clocks are read by all of them, one after the other.
struct Machine {
  int boots = 1;
  Steady booted{};              // when it started
  Milliseconds wall_offset{0};  // what people and time services did to its wall clock
};

class NodeClock final : public async::Clock {
 public:
  NodeClock(Node& node, const Machine& machine);

  Steady steady_now() const override;
  Task<void> sleep_until(Steady when) override;
  MachineTime machine_time() const override;

 private:
  Milliseconds since_boot() const override;

  Node& node_;
  const Machine& machine_;
};

class Node {
 public:
  Node(Simulation& simulation, std::string name, const Machine& machine);
  // Kills it: its tasks are destroyed first, then what they worked with, by its owner; see abandon().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  async::Executor executor() { return context_.get_executor(); }
  NodeClock& clock() { return clock_; }
  Simulation& simulation() { return simulation_; }
  const std::string& name() const { return name_; }

  // Begins a task that nobody waits for. An exception out of it is a bug and ends the simulation.
  void spawn(Task<void> task);

  void pause() { paused_ = true; }
  void resume();
  bool paused() const { return paused_; }

  // It is to be killed as soon as the handler that runs is over. Nothing of it is heard from now on.
  void doom() { doomed_ = true; }
  bool doomed() const { return doomed_; }

  // Destroys all tasks that wait for something here.
  void abandon();

 private:
  friend class Alarm;
  friend class Simulation;

  // Lets its tasks be destroyed before what they refer to.
  class Context : public asio::io_context {
   public:
    Context() : io_context(1) {}
    void abandon() { shutdown(); }
  };

  Simulation& simulation_;
  const std::string name_;
  NodeClock clock_;
  std::multimap<Steady, class Alarm*> alarms_;
  Context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  bool ready_ = true;  // it may have handlers to run
  bool paused_ = false;
  bool doomed_ = false;
};

// What one task of a node waits for: until its time, or until it is rung, or until the task is cancelled.
class Alarm {
 public:
  Alarm(Node& node, Steady when);
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void ring();
  Task<void> wait();

 private:
  Node& node_;
  asio::steady_timer timer_;
  std::multimap<Steady, Alarm*>::iterator place_;
  bool rung_ = false;
};

// An answer on its way to a task of a node. The task owns it: when its node is killed, the answer is lost.
template <class Answer>
class Call {
 public:
  Call(Node& node, Steady give_up) : alarm_(node, give_up) {}

  Task<void> wait() { return alarm_.wait(); }
  void deliver(Answer answer) {
    answer_ = std::move(answer);
    alarm_.ring();
  }
  std::optional<Answer>& answer() { return answer_; }

 private:
  Alarm alarm_;
  std::optional<Answer> answer_;
};

}  // namespace afterword::sim
