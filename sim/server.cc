#include "sim/server.h"

#include "store/pruning.h"
#include "store/time_keeping.h"

#include <chrono>
#include <utility>

namespace afterword::sim {

using namespace std::chrono_literals;

namespace {

// As the gateway has it.
constexpr auto restart_limit = 1'700ms;

}  // namespace

Server::Server(Parts parts)
    : parts_(std::move(parts)),
      delivery_(parts_.node->executor(), parts_.clock ? *parts_.clock : parts_.node->clock(), *parts_.stores.back(),
                *parts_.homeservers.back(), parts_.delivery),
      context_{parts_.node->clock(), *parts_.stores.back(), delivery_, domain::Limits{}} {
  for (auto& task : parts_.background) parts_.node->spawn(std::move(task));
  parts_.node->spawn(start());
}

// As kill -9 does it: whatever its tasks wait for, they do not go on. They are destroyed before delivery, which they
// work with: by the node; and those that wait for a commit are given up by their store, whom nobody asks any more, for
// the node to destroy.
Server::~Server() {
  parts_.node->abandon();
  parts_.stores.clear();
  parts_.node->abandon();
}

Task<void> Server::start() {
  store::Store& store = *parts_.stores.back();
  auto begun = co_await store::restore_server_time(node().clock(), store);
  if (begun && parts_.clock) begun = co_await store::restore_server_time(*parts_.clock, store);
  if (begun) begun = co_await delivery_.start();
  if (!begun) {
    node().simulation().trace("{} cannot start: {}", node().name(), begun.error().reason);
    node().doom();
    co_return;
  }
  ready_ = true;
  parts_.on_ready();
  node().simulation().trace("{} is ready", node().name());
  node().spawn(store::save_server_time(node().clock(), store));
  const domain::Retention retention;
  co_await store::keep_pruning(node().clock(), store, retention);
}

void Server::accept(Request request, std::function<void(Answer)> reply) {
  node().spawn(serve(std::move(request), std::move(reply)));
}

Task<void> Server::serve(Request request, std::function<void(Answer)> reply) {
  http::Response response;
  if (auto* schedule = std::get_if<api::ScheduleRequest>(&request)) {
    response = co_await api::schedule(context_, std::move(*schedule));
  } else if (auto* manage = std::get_if<api::ManageRequest>(&request)) {
    if (manage->action == domain::Action::restart) manage->answer_by = node().clock().steady_now() + restart_limit;
    auto managed = co_await api::manage(context_, std::move(*manage));
    response = std::move(managed.response);
  } else {
    response = co_await api::look_up(context_, std::move(std::get<api::LookUpRequest>(request)));
  }
  Answer answer{response.status, std::move(response.body)};
  reply(std::move(answer));
}

}  // namespace afterword::sim
