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
#include <list>
#include <vector>

namespace afterword::http {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

// Accepting goes on after this when the system could not give us a connection.
constexpr std::chrono::milliseconds accept_pause{200};

// What a cut handler gets to unwind.
constexpr std::chrono::seconds unwinding_time{1};

// As RFC 9110 wants it: Sun, 06 Nov 1994 08:49:37 GMT.
std::string to_http_date(Timestamp when) {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::chrono::floor<std::chrono::seconds>(when)));
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
    start(tick(shared_from_this()), "the ticker of the HTTP server");
    start(accept(shared_from_this()), "accepting connections");
    return {};
  }

  // Tasks of the server itself end when stop() was called, which cancels what they wait for.
  void start(async::Task<void> task, const char* name) {
    asio::co_spawn(executor, std::move(task), [self = shared_from_this(), name](const std::exception_ptr& failure) {
      if (failure) log_failure(name, failure);
    });
  }

  static void log_failure(const char* name, const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      log::error("{} ended with an error: {}", name, error.what());
    } catch (...) {
      log::error("{} ended with an unknown error", name);
    }
  }

  // One timer for all connections: nothing is set or cancelled per request.
  static async::Task<void> tick(std::shared_ptr<Implementation> self) {
    while (!self->stopped) {
      self->context.date = to_http_date(self->clock.machine_time().wall);
      // A connection may end inside cut(), and leave the list.
      std::vector<std::shared_ptr<ServerConnection>> abandoned;
      for (const auto& connection : self->connections) {
        if (connection->is_overdue()) connection->close();
        if (connection->is_abandoned()) abandoned.push_back(connection);
      }
      for (const auto& connection : abandoned) connection->cut();
      self->ticker.expires_after(tick_length);
      error_code ignored;
      co_await self->ticker.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      ++self->context.tick;
    }
  }

  static async::Task<void> accept(std::shared_ptr<Implementation> self) {
    bool complained = false;
    while (self->acceptor.is_open()) {
      error_code error;
      if (self->connections.size() >= self->context.options.max_connections) {
        self->accept_timer.expires_at(asio::steady_timer::time_point::max());  // until a connection ends
        co_await self->accept_timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      tcp::socket socket = co_await self->acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (!error) {
        complained = false;
        self->serve(std::move(socket));
      } else if (error != asio::error::operation_aborted && error != asio::error::connection_aborted) {
        if (!complained) log::error("cannot accept connections for now: {}", error.message());
        complained = true;
        self->accept_timer.expires_after(accept_pause);
        co_await self->accept_timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
      }
    }
  }

  void serve(tcp::socket socket) {
    const auto connection = std::make_shared<ServerConnection>(std::move(socket), context);
    const auto place = connections.insert(connections.end(), connection);
    asio::co_spawn(
        executor, connection->run(),
        asio::bind_cancellation_slot(connection->cancellation_slot(),
                                     [self = shared_from_this(), connection, place](const std::exception_ptr& failure) {
                                       if (failure && !connection->was_cut()) log_failure("a connection", failure);
                                       self->connections.erase(place);
                                       self->accept_timer.cancel();
                                       if (self->connections.empty()) self->all_ended.cancel();
                                     }));
  }

  static async::Task<void> drain(std::shared_ptr<Implementation> self, std::chrono::milliseconds limit) {
    const auto farewell = std::min(self->context.options.farewell, limit);
    self->accept_the_last();
    self->stop_accepting();
    co_await self->wait_for_connections(farewell);
    for (const auto& connection : self->connections) connection->close_if_idle();
    co_await self->wait_for_connections(limit - farewell);
    self->stop();
    co_await self->wait_for_connections(unwinding_time);
  }

  async::Task<void> wait_for_connections(std::chrono::milliseconds limit) {
    if (connections.empty()) co_return;
    all_ended.expires_after(limit);
    error_code ignored;
    co_await all_ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  // Those that are established already, and would be reset.
  void accept_the_last() {
    error_code error;
    acceptor.non_blocking(true, error);
    while (!error && connections.size() < context.options.max_connections) {
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
    // A connection may end inside cut(), and leave the list.
    const std::vector<std::shared_ptr<ServerConnection>> rest(connections.begin(), connections.end());
    for (const auto& connection : rest) connection->cut();
  }

  async::Executor executor;
  async::SystemClock clock;
  ServerContext context;
  tcp::acceptor acceptor;
  asio::steady_timer accept_timer;
  asio::steady_timer ticker;
  asio::steady_timer all_ended;  // cancelled when the last connection has ended
  std::list<std::shared_ptr<ServerConnection>> connections;
  bool stopped = false;
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

async::Task<void> Server::drain(std::chrono::milliseconds limit) {
  return Implementation::drain(implementation_, limit);
}

}  // namespace afterword::http
