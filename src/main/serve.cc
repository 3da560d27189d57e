#include "main/serve.h"

#include "api/context.h"
#include "async/clock.h"
#include "async/task_group.h"
#include "base/log.h"
#include "delivery/delivery.h"
#include "gateway/admission.h"
#include "gateway/arrival.h"
#include "gateway/gateway.h"
#include "gateway/sidecar.h"
#include "homeserver/client.h"
#include "homeserver/measured.h"
#include "homeserver/token_cache.h"
#include "http/client.h"
#include "http/server.h"
#include "main/process_limits.h"
#include "main/service_manager.h"
#include "main/stop_deadline.h"
#include "main/watchdog.h"
#include "monitoring/exposition.h"
#include "monitoring/operations.h"
#include "monitoring/operator_api.h"
#include "monitoring/readiness.h"
#include "monitoring/totals.h"
#include "ops/open_store.h"
#include "store/known_senders.h"
#include "store/outcome_watch.h"
#include "store/pruning.h"
#include "store/time_keeping.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace afterword {
namespace {

using async::Task;
using async::asio::io_context;

// Long polls that are not done by then are cut without an answer, and their clients, or the proxy before us, ask again.
// To wait for them would keep heartbeats away for as long.
constexpr std::chrono::milliseconds long_poll_limit{500};

constexpr std::size_t max_body_bytes_in_memory = 512 * 1024 * 1024;

http::ClientOptions passing_options(const ConnectionLimits& limits, std::shared_ptr<http::ByteBudget> bodies) {
  http::ClientOptions options;
  options.max_connections = limits.passing;
  options.max_idle_connections = limits.passing_idle;
  options.bodies = std::move(bodies);
  return options;
}

http::IsTrustedProxy trusted_proxies(const ops::Configuration& configuration) {
  return [ranges = configuration.trusted_proxies](const std::string& address) {
    return http::is_in_one_of(ranges, address);
  };
}

http::ServerOptions server_options(const ops::Configuration& configuration, const ConnectionLimits& limits,
                                   std::shared_ptr<http::ByteBudget> bodies) {
  http::ServerOptions options;
  options.bodies = std::move(bodies);
  options.max_connections = limits.clients;
  options.max_connections_per_owner = limits.owner;
  options.unix_socket_mode = configuration.listen_mode;
  options.is_trusted_proxy = trusted_proxies(configuration);
  return options;
}

http::ServerOptions operations_options(const ConnectionLimits& limits) {
  http::ServerOptions options = monitoring::server_options();
  options.max_connections = limits.operations;
  options.max_connections_per_owner = limits.operations;
  return options;
}

delivery::Options delivery_options(const ops::Configuration& configuration, const ConnectionLimits& limits) {
  delivery::Options options;
  options.start_grace = configuration.start_grace;
  if (configuration.rate_limits.enabled) options.owner_limit = configuration.rate_limits.send;
  return limit_places(options, limits);
}

store::KnownSendersOptions senders_options(const ops::Configuration& configuration) {
  store::KnownSendersOptions options;
  // Other instances may send too.
  if (std::holds_alternative<ops::PostgresqlDatabase>(configuration.database)) {
    options.not_sent_time = std::chrono::seconds(5);
  }
  return options;
}

std::optional<http::Client> sidecar_client(const async::Executor& executor, const ops::Configuration& configuration,
                                           const ConnectionLimits& limits, std::shared_ptr<http::ByteBudget> bodies) {
  if (!configuration.sidecar) return std::nullopt;
  http::ClientOptions options;
  options.max_connections = limits.sidecar;
  options.max_idle_connections = limits.sidecar / 2;
  options.bodies = std::move(bodies);
  return std::optional<http::Client>(std::in_place, executor, configuration.sidecar->url, std::move(options));
}

// `client` and `clock` outlive it.
std::optional<gateway::Sidecar> sidecar(std::optional<http::Client>& client, async::Clock& clock,
                                        const ops::Configuration& configuration) {
  if (!client) return std::nullopt;
  return std::optional<gateway::Sidecar>(std::in_place, *client, clock, *configuration.sidecar,
                                         configuration.server_name);
}

// Everything that one server consists of, in the order in which it is built; torn down in reverse.
class Server {
 public:
  Server(io_context& io, const ops::Configuration& configuration, const ConnectionLimits& limits,
         std::unique_ptr<store::Store> store)
      : executor_(io.get_executor()),
        clock_(executor_),
        store_(std::move(store)),
        outcomes_(executor_, *store_),
        senders_(clock_, outcomes_, senders_options(configuration)),
        // What passes through must not take the connections that deliveries need, and no client of ours has a
        // connection in common with another: what goes over one cannot be confused with, or answered by, what goes over
        // another.
        long_poll_client_(executor_, configuration.homeserver, passing_options(limits, bodies_)),
        passing_client_(executor_, configuration.homeserver, passing_options(limits, bodies_)),
        asking_client_(executor_, configuration.homeserver, {.max_connections = limits.own}),
        own_client_(executor_, configuration.homeserver, {.max_connections = limits.own}),
        homeserver_(own_client_, asking_client_, clock_,
                    {.as_token = configuration.as_token,
                     .server_name = configuration.server_name,
                     .kind = configuration.homeserver_kind,
                     .admin_token = configuration.admin_token}),
        measured_homeserver_(homeserver_, clock_),
        tokens_(executor_, clock_, measured_homeserver_, {.max_calls = limits.whoami}),
        sidecar_client_(sidecar_client(executor_, configuration, limits, bodies_)),
        sidecar_(sidecar(sidecar_client_, clock_, configuration)),
        delivery_(executor_, clock_, senders_, measured_homeserver_, delivery_options(configuration, limits)),
        context_{clock_, senders_, delivery_, configuration.limits, bodies_},
        gateway_(context_, senders_, tokens_, passing_client_, long_poll_client_,
                 {configuration.rate_limits, trusted_proxies(configuration), configuration.served_paths,
                  configuration.user_page, gateway::arrival_key(configuration.as_token),
                  sidecar_ ? &*sidecar_ : nullptr, &outcomes_}),
        http_server_(
            executor_, [this](http::Request request) { return gateway_.handle(std::move(request)); },
            server_options(configuration, limits, bodies_), gateway::admit),
        readiness_(executor_, clock_, *store_),
        operator_api_(
            context_, readiness_, [this] { return monitoring::totals(sources()); }, configuration.operations_token),
        operations_([this] { return monitoring::exposition(sources()); }, readiness_, operator_api_,
                    configuration.operations_listen && ops::is_local(*configuration.operations_listen)),
        operations_server_(
            executor_, [this](http::Request request) { return operations_.handle(std::move(request)); },
            operations_options(limits)),
        background_(executor_, async::OnFailure::end_process),
        guard_(executor_, async::OnFailure::end_process),
        retention_(configuration.retention) {}

  // Whether it is ready to serve; if not, standard error says why. The configuration outlives the task, here and below:
  // serve() waits for it.
  Task<bool> start(const ops::Configuration& configuration) {
    if (!listen_for_operations(configuration)) co_return false;
    const auto time_known = co_await store::restore_server_time(clock_, *store_);
    if (!time_known) co_return cannot_read(configuration, time_known.error());
    const auto started = co_await delivery_.start();
    if (!started) co_return cannot_read(configuration, started.error());
    for (const http::Address& address : configuration.listen) {
      const auto listening = http_server_.listen(address);
      if (!listening) co_return cannot_listen(configuration.where_listen, listening.error());
    }
    background_.spawn("keeping time", store::save_server_time(clock_, *store_));
    background_.spawn("pruning", store::keep_pruning(clock_, *store_, retention_));
    if (const auto limit = watchdog_limit()) {
      // Often enough that one that comes late does no harm.
      const auto interval = std::chrono::duration_cast<std::chrono::milliseconds>(*limit / 4);
      background_.spawn("watchdog",
                        keep_watchdog(clock_, *store_, interval, [] { tell_service_manager("WATCHDOG=1"); }));
    }
    readiness_.begin();
    co_return true;
  }

  std::vector<http::Address> addresses() const { return http_server_.addresses(); }

  // Takes no more requests, lets what is under way end, and closes the store; all within one deadline.
  Task<void> drain() {
    const StopDeadline deadline(clock_.steady_now());
    readiness_.end();
    guard_.spawn("ending in time", end_at(deadline.last()));
    background_.spawn("cutting long polls", cut_long_polls());
    co_await http_server_.drain(deadline.for_requests(clock_.steady_now()));
    co_await delivery_.drain(deadline.for_sends(clock_.steady_now()));
    co_await tokens_.close();
    background_.stop();
    co_await background_.join();
    own_client_.close();
    asking_client_.close();
    passing_client_.close();
    long_poll_client_.close();
    if (sidecar_client_) sidecar_client_->close();
    co_await operations_server_.drain(std::chrono::milliseconds(0));
    co_await readiness_.close();
    co_await store_->close();
    guard_.stop();
    co_await guard_.join();
  }

 private:
  static bool cannot_read(const ops::Configuration& configuration, const store::Unavailable& error) {
    std::fprintf(stderr, "%s: %s\n", configuration.where_database.c_str(), error.reason.c_str());
    return false;
  }

  static bool cannot_listen(const std::string& where, const std::string& error) {
    std::fprintf(stderr, "%s: %s\n", where.c_str(), error.c_str());
    return false;
  }

  monitoring::Sources sources() const {
    return {AFTERWORD_VERSION,
            http_server_,
            *bodies_,
            context_,
            gateway_,
            tokens_,
            measured_homeserver_,
            {{"passing", passing_client_},
             {"long_polls", long_poll_client_},
             {"questions", asking_client_},
             {"deliveries", own_client_}}};
  }

  // From before the store is asked, so that somebody hears that it is starting.
  bool listen_for_operations(const ops::Configuration& configuration) {
    if (!configuration.operations_listen) return true;
    const auto listening = operations_server_.listen(*configuration.operations_listen);
    if (!listening) return cannot_listen(configuration.where_operations_listen, listening.error());
    for (const http::Address& address : operations_server_.addresses()) {
      log::info("metrics and health on {}", to_text(address));
    }
    return true;
  }

  // A stop that takes too long is ended by ourselves: that is as safe as a crash, and comes before the kill by a
  // service manager.
  Task<void> end_at(async::Steady when) {
    const auto cancellation = co_await async::asio::this_coro::cancellation_state;
    co_await clock_.sleep_until(when);
    if (cancellation.cancelled() != async::asio::cancellation_type::none) co_return;
    log::error("the stop took too long, and ends as a crash does; what was under way is settled by the next start");
    std::_Exit(EXIT_FAILURE);
  }

  Task<void> cut_long_polls() {
    co_await clock_.sleep_for(long_poll_limit);
    long_poll_client_.close();
  }

  async::Executor executor_;
  async::SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  store::OutcomeWatch outcomes_;
  store::KnownSenders senders_;
  // Of requests and of the answers that pass through. What we ask for ourselves is small, and must go on.
  std::shared_ptr<http::ByteBudget> bodies_ = std::make_shared<http::ByteBudget>(max_body_bytes_in_memory);
  http::Client long_poll_client_;
  http::Client passing_client_;
  http::Client asking_client_;
  http::Client own_client_;
  homeserver::HomeserverClient homeserver_;
  homeserver::Measured measured_homeserver_;
  homeserver::TokenCache tokens_;
  std::optional<http::Client> sidecar_client_;
  std::optional<gateway::Sidecar> sidecar_;
  delivery::Delivery delivery_;
  api::Context context_;
  gateway::Gateway gateway_;
  http::Server http_server_;
  monitoring::Readiness readiness_;
  monitoring::OperatorApi operator_api_;
  monitoring::Operations operations_;
  http::Server operations_server_;
  async::TaskGroup background_;
  async::TaskGroup guard_;  // of a stop
  domain::Retention retention_;
};

void read_log_level_again(const LoadConfiguration& load) {
  const auto configuration = load();
  if (!configuration) {
    log::error("the configuration cannot be read again, and the log stays as it is: {}", configuration.error());
    return;
  }
  set_log_level(configuration->log_level);
  log::info("the level of the log is {}", configuration->log_level);
}

// What is passed by reference outlives the task: serve() waits for it.
Task<void> run_until_signal(Server& server, const ops::Configuration& configuration, const LoadConfiguration& load,
                            io_context& io, int& exit_status) {
  async::asio::signal_set signals(io, SIGTERM, SIGINT, SIGHUP);
  if (co_await server.start(configuration)) {
    for (const http::Address& address : server.addresses()) log::info("serving on {}", to_text(address));
    tell_service_manager("READY=1");
    boost::system::error_code ignored;
    for (int signal = SIGHUP; signal == SIGHUP;) {
      signal = co_await signals.async_wait(async::asio::redirect_error(async::asio::use_awaitable, ignored));
      if (signal != SIGHUP) continue;
      tell_service_manager("RELOADING=1");
      read_log_level_again(load);
      tell_service_manager("READY=1");
    }
    // From here on a second signal has its ordinary effect.
    signals.clear(ignored);
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    log::info("draining");
    tell_service_manager("STOPPING=1");
    exit_status = 0;
  } else {
    exit_status = 2;
  }
  co_await server.drain();
}

// None of these ends a server without what a stop does. A limit on the size of files is to the database what a full
// disk is; a reader of the log that has gone takes only the log with it; and the others tell some servers to read their
// configuration again. Of this one only the level of the log can be changed so, by SIGHUP, once it serves.
void ignore_signals() {
  for (const int signal : {SIGXFSZ, SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
}

}  // namespace

int serve(const ops::Configuration& configuration, const LoadConfiguration& load) {
  ignore_signals();
  for (const std::string& warning : configuration.warnings) log::warn("{}", warning);

  const std::size_t descriptors = raise_descriptor_limit();
  if (descriptors < least_descriptors) {
    std::fprintf(stderr,
                 "afterword: the limit of open files is %zu, too few to keep users from each other; raise it to %zu at "
                 "least (ulimit -n, or LimitNOFILE= of systemd)\n",
                 descriptors, least_descriptors);
    return 2;
  }

  io_context io(1);
  auto store = ops::open_store(io.get_executor(), configuration.database);
  if (!store) {
    std::fprintf(stderr, "%s: %s\n", configuration.where_database.c_str(), store.error().c_str());
    return 2;
  }
  Server server(io, configuration, share_out(descriptors), std::move(*store));
  int exit_status = 1;
  async::TaskGroup main_task(io.get_executor(), async::OnFailure::end_process);
  main_task.spawn("serve", run_until_signal(server, configuration, load, io, exit_status));
  io.run();
  if (exit_status == 0) log::info("stopped");
  return exit_status;
}

}  // namespace afterword
