// One Afterword process, whole but for its sockets: the request handlers, delivery and a store, under simulated time.
//
// Lifecycle: made when the process starts, destroyed when it is killed, at any moment between two handlers.
#pragma once

#include "api/context.h"
#include "api/look_up.h"
#include "api/manage.h"
#include "api/schedule.h"
#include "delivery/delivery.h"
#include "domain/limits.h"
#include "homeserver/homeserver.h"
#include "sim/simulation.h"
#include "store/store.h"

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace afterword::sim {

using Request = std::variant<api::ScheduleRequest, api::ManageRequest, api::LookUpRequest>;

struct Answer {
  int status = 0;  // 0: none was heard
  std::string body;
};

class Server {
 public:
  // What a process is made of. Everything but the node lives within it, in the order in which it is built.
  struct Parts {
    std::unique_ptr<Node> node;
    std::vector<std::unique_ptr<store::Store>> stores;  // the last one is served, and each may use those before it
    std::vector<std::unique_ptr<homeserver::Homeserver>> homeservers;  // likewise
    std::unique_ptr<async::Clock> clock;                               // of delivery, if it is not the node's
    delivery::Options delivery;
    std::vector<Task<void>> background;
    std::function<void()> on_ready;
  };

  explicit Server(Parts parts);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Node& node() { return *parts_.node; }
  bool ready() const { return ready_; }

  // `reply` is called when the request is answered; never if the process is killed before.
  void accept(Request request, std::function<void(Answer)> reply);

 private:
  Task<void> start();
  Task<void> serve(Request request, std::function<void(Answer)> reply);

  Parts parts_;
  delivery::Delivery delivery_;
  api::Context context_;
  bool ready_ = false;
};

}  // namespace afterword::sim
