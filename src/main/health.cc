#include "main/health.h"

#include "async/task_group.h"
#include "http/client.h"
#include "monitoring/operations.h"
#include "ops/load_configuration.h"

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace afterword {
namespace {

using async::Task;
using Answer = Result<http::Response, http::NoAnswer>;

// Longer than the server takes to say that its database hangs.
const http::SendLimits limits{std::chrono::seconds(5), 64 * 1024};

// The answer outlives the task: health() waits for it.
Task<void> ask(async::Executor executor, http::Origin origin, std::optional<Answer>& answer) {
  http::Client client(executor, std::move(origin));
  http::Request request;
  request.method = "GET";
  request.target = monitoring::ready_path;
  answer = co_await client.send(std::move(request), limits);
  client.close();
}

}  // namespace

int health(const HealthCommand& command) {
  const auto configuration = ops::load_configuration(command.configuration, command.settings);
  if (!configuration) {
    std::fprintf(stderr, "%s\n", configuration.error().c_str());
    return exit_misuse;
  }
  if (!configuration->operations_listen) {
    std::fprintf(stderr, "%s: is none, so nobody can be asked; write an address, as 127.0.0.1:9009\n",
                 configuration->where_operations_listen.c_str());
    return exit_misuse;
  }
  const http::Address address = ops::reachable(*configuration->operations_listen);
  std::optional<Answer> answer;
  async::asio::io_context io(1);
  async::TaskGroup tasks(io.get_executor());
  tasks.spawn("health", ask(io.get_executor(), http::Origin::at(address), answer));
  io.run();
  if (!answer || !*answer) {
    std::printf("no answer at %s: %s\n", to_text(address).c_str(),
                answer ? answer->error().reason.c_str() : "the question failed");
    return exit_failed;
  }
  std::fputs((*answer)->body.c_str(), stdout);
  return (*answer)->status == 200 ? exit_ok : exit_failed;
}

}  // namespace afterword
