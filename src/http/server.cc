#include "http/server.h"

#include "base/log.h"
#include "http/server_connection.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <vector>

namespace afterword::http {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

// Accepting goes on after this when the system could not give us a connection, or there was no room for one; and so
// does each of the server's own tasks after an error.
constexpr std::chrono::milliseconds pause{200};

// What a cut handler gets to unwind.
constexpr std::chrono::seconds unwinding_time{1};

// As RFC 9110 wants it: Sun, 06 Nov 1994 08:49:37 GMT.
std::string to_http_date(WallTime when) {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::chrono::floor<std::chrono::seconds>(when)));
}

// An IPv4 address as such, also where the socket is one of IPv6.
std::string peer_of(const tcp::socket& socket) {
  error_code ignored;
  auto address = socket.remote_endpoint(ignored).address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address.to_string();
}

std::string cannot_listen(const std::string& host, std::uint16_t port, const error_code& error) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return fmt::format("cannot listen on {}{}{}:{}: {}", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port,
                     error.message());
}

}  // namespace

// Shared by its tasks, so that it outlives the Server until they have ended.
struct Server::Implementation : std::enable_shared_from_this<Implementation> {
  Implementation(async::Executor executor_to_use, Handler handler, const ServerOptions& options, Admit admit)
      : executor(std::move(executor_to_use)),
        clock(executor),
        acceptor(executor),
        accept_timer(executor),
        ticker(executor),
        all_ended(executor) {
    context.handler = std::move(handler);
    context.options = options;
    context.admit = std::move(admit);
    if (!context.admit) {
      context.admit = [limit = options.max_body_bytes](auto...) { return Admission{.max_body_bytes = limit}; };
    }
  }

  Result<void, std::string> listen(const std::string& host, std::uint16_t port) {
    error_code error;
    tcp::resolver resolver(executor);
    const auto found =
        resolver.resolve(host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error) return cannot_listen(host, port, error);

    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    if (error) {
      error_code ignored;
      acceptor.close(ignored);
      return cannot_listen(host, port, error);
    }
    set_date();
    start("the ticker of the HTTP server", &tick);
    start("accepting connections", &accept);
    return {};
  }

  using OwnTask = async::Task<void> (*)(std::shared_ptr<Implementation>);

  // Tasks of the server itself end when stop() was called, which cancels what they wait for. Without one of them the
  // process would run on and serve nobody: if it cannot even be begun again, that ends the process.
  void start(const char* name, OwnTask task) {
    asio::co_spawn(executor, keep_going(shared_from_this(), name, task), [](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }

  static async::Task<void> keep_going(std::shared_ptr<Implementation> self, const char* name, OwnTask task) {
    while (!self->stopped) {
      try {
        co_await task(self);
        co_return;
      } catch (...) {
        log_failure(name, std::current_exception());
      }
      asio::steady_timer timer(self->executor, pause);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  static void log_failure(const char* name, const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      log::error("{} met an error: {}", name, error.what());
    } catch (...) {
      log::error("{} met an unknown error", name);
    }
  }

  // One timer for all connections: nothing is set or cancelled per request.
  static async::Task<void> tick(std::shared_ptr<Implementation> self) {
    while (!self->stopped) {
      self->ticker.expires_after(tick_length);
      error_code ignored;
      co_await self->ticker.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      ++self->context.tick;
      self->set_date();
      self->close_overdue();
    }
  }

  void set_date() { context.date = to_http_date(clock.machine_time().wall); }

  void close_overdue() {
    std::vector<std::shared_ptr<ServerConnection>> abandoned;
    context.connections.for_each([&](const std::shared_ptr<ServerConnection>& connection) {
      if (connection->is_overdue()) connection->close();
      connection->hold_little();
      if (connection->is_abandoned()) abandoned.push_back(connection);
    });
    for (const auto& connection : abandoned) connection->cut();
  }

  static async::Task<void> accept(std::shared_ptr<Implementation> self) {
    bool complained = false;
    while (self->acceptor.is_open()) {
      if (self->is_full() && !self->context.connections.has_waiting()) {
        co_await self->wait_to_accept();
        continue;
      }
      error_code error;
      tcp::socket socket = co_await self->acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (!error) {
        complained = false;
        self->serve(std::move(socket));
      } else if (error != asio::error::operation_aborted && error != asio::error::connection_aborted) {
        if (!complained) log::error("cannot accept connections for now: {}", error.message());
        complained = true;
        co_await self->wait_to_accept();
      }
    }
  }

  // A while, or until a connection has ended.
  async::Task<void> wait_to_accept() {
    error_code ignored;
    accept_timer.expires_after(pause);
    co_await accept_timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  bool is_full() const { return context.connections.size() >= context.options.max_connections; }

  void serve(tcp::socket socket) {
    ConnectionTable& connections = context.connections;
    std::string peer = peer_of(socket);
    std::string owner = context.options.is_trusted_proxy(peer) ? std::string() : share_owner(peer);
    if (!owner.empty() && connections.count_of(owner) >= context.options.max_connections_per_owner) {
      ++beyond_share;
      return;
    }
    ++accepted;
    if (is_full()) {
      if (const auto connection = connections.let_one_go()) {
        ++gave_way;
        connection->close();
      }
    }
    const auto connection = std::make_shared<ServerConnection>(std::move(socket), std::move(peer), owner, context);
    const auto place = connections.add(connection, std::move(owner));
    connection->take(place);
    try {
      run(connection, place);
    } catch (...) {
      connections.remove(place);
      throw;
    }
  }

  void run(const std::shared_ptr<ServerConnection>& connection, ConnectionTable::Place place) {
    asio::co_spawn(
        executor, connection->run(),
        asio::bind_cancellation_slot(connection->cancellation_slot(),
                                     [self = shared_from_this(), connection, place](const std::exception_ptr& failure) {
                                       if (failure && !connection->was_cut()) log_failure("a connection", failure);
                                       self->context.connections.remove(place);
                                       self->accept_timer.cancel();
                                       if (self->context.connections.is_empty()) self->all_ended.cancel();
                                     }));
  }

  static async::Task<void> drain(std::shared_ptr<Implementation> self, std::chrono::milliseconds limit) {
    const auto farewell = std::min(self->context.options.farewell, limit);
    self->accept_the_last();
    self->stop_accepting();
    co_await self->wait_for_connections(farewell);
    for (const auto& connection : self->context.connections.all()) connection->close_if_idle();
    co_await self->wait_for_connections(limit - farewell);
    self->stop();
    co_await self->wait_for_connections(unwinding_time);
  }

  async::Task<void> wait_for_connections(std::chrono::milliseconds limit) {
    if (context.connections.is_empty()) co_return;
    all_ended.expires_after(limit);
    error_code ignored;
    co_await all_ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  // Those that are established already, and would be reset.
  void accept_the_last() {
    error_code error;
    acceptor.non_blocking(true, error);
    while (!error && !is_full()) {
      tcp::socket socket(executor);
      acceptor.accept(socket, error);
      if (!error) serve(std::move(socket));
    }
  }

  void stop_accepting() {
    context.draining = true;
    error_code ignored;
    acceptor.close(ignored);
    accept_timer.cancel();
  }

  void stop() {
    stop_accepting();
    stopped = true;
    ticker.cancel();
    for (const auto& connection : context.connections.all()) connection->cut();
  }

  async::Executor executor;
  async::SystemClock clock;
  ServerContext context;
  tcp::acceptor acceptor;
  asio::steady_timer accept_timer;
  asio::steady_timer ticker;
  asio::steady_timer all_ended;  // cancelled when the last connection has ended
  bool stopped = false;
  // Of connections, for the figures.
  std::uint64_t accepted = 0;
  std::uint64_t beyond_share = 0;
  std::uint64_t gave_way = 0;
};

Server::Server(async::Executor executor, Handler handler, ServerOptions options, Admit admit)
    : implementation_(
          std::make_shared<Implementation>(std::move(executor), std::move(handler), options, std::move(admit))) {}

Server::~Server() { implementation_->stop(); }

Result<void, std::string> Server::listen(const std::string& host, std::uint16_t port) {
  return implementation_->listen(host, port);
}

std::uint16_t Server::port() const {
  error_code ignored;
  return implementation_->acceptor.local_endpoint(ignored).port();
}

ServerFigures Server::figures() const {
  const Implementation& server = *implementation_;
  return {server.context.options.max_connections,
          server.context.connections.size(),
          server.accepted,
          server.beyond_share,
          server.gave_way,
          server.context.refused};
}

async::Task<void> Server::drain(std::chrono::milliseconds limit) {
  return Implementation::drain(implementation_, limit);
}

}  // namespace afterword::http
