// Clients, as they are: they schedule, send heartbeats, cancel, send early and look up, lose answers and ask again.
#pragma once

#include "sim/history.h"
#include "sim/random.h"
#include "sim/server.h"
#include "sim/simulation.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace afterword::sim {

class Clients {
 public:
  // One of the processes that can be reached now, or none.
  using FindServer = std::function<Server*()>;

  struct Manner {
    std::size_t wishes = 5;
    std::chrono::milliseconds period{30'000};  // in which they begin
    bool takes_time = true;
  };

  Clients(Simulation& simulation, Random random, FindServer find_server);
  ~Clients();

  // Draws what they want, and lets them begin.
  void begin(Manner manner);
  // Looks up what has no known outcome yet; `settled()` afterwards says whether all have.
  void look_up_open();
  bool settled() const { return open_ == 0 && asking_ == 0; }
  // All that they wanted to do is done.
  bool done() const { return living_ == 0; }

  // Answers of that share do not reach them.
  double answers_lost = 0;

  const History& history() const { return history_; }

 private:
  struct Life;
  Wish draw_wish(std::size_t number);
  Task<void> live(std::size_t wish, Life life);
  Task<bool> schedule(std::size_t wish);
  Task<void> act(std::size_t wish, Asked asked);
  Task<void> find_out(std::size_t wish);
  Task<Answer> ask(std::size_t wish, Asked asked, bool unstable, Request request);
  Request schedule_request(const Wish& wish, api::WireForm form) const;

  Simulation& simulation_;
  Random random_;
  FindServer find_server_;
  Manner manner_;
  Machine machine_;
  std::unique_ptr<Node> node_;
  History history_;
  std::vector<bool> finalised_;
  std::size_t living_ = 0;
  std::size_t open_ = 0;
  std::size_t asking_ = 0;
};

}  // namespace afterword::sim
