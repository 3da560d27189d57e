#include "http/server.h"

#include "base/log.h"
#include "http/client_address.h"
#include "http/listener.h"
#include "http/server_connection.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <vector>

namespace afterword::http {
namespace {

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

}  // namespace

// Shared by its tasks, so that it outlives the Server until they have ended.
struct Server::Implementation : std::enable_shared_from_this<Implementation> {
  Implementation(async::Executor executor_to_use, Handler handler, const ServerOptions& options, Admit admit)
      : executor(std::move(executor_to_use)), clock(executor), ticker(executor), all_ended(executor) {
    context.handler = std::move(handler);
    context.options = options;
    context.admit = std::move(admit);
    if (!context.admit) {
      context.admit = [limit = options.max_body_bytes](auto...) { return Admission{.max_body_bytes = limit}; };
    }
  }

  Result<void, std::string> listen(const Address& address) {
    auto opened = Listener::open(executor, address, context.options.unix_socket_mode);
    if (!opened) return opened.error();
    if (listeners.empty()) {
      set_date();
      start("the ticker of the HTTP server", [self = shared_from_this()] { return tick(self); });
    }
    for (const auto& listener : *opened) {
      listeners.push_back(listener);
      start("accepting connections", [self = shared_from_this(), listener] { return accept(self, listener); });
    }
    return {};
  }

  using OwnTask = std::function<async::Task<void>()>;

  // Tasks of the server itself end when stop() was called, which cancels what they wait for. Without one of them the
  // process would run on and serve nobody: if it cannot even be begun again, that ends the process.
  void start(const char* name, OwnTask task) {
    asio::co_spawn(executor, keep_going(shared_from_this(), name, std::move(task)),
                   [](const std::exception_ptr& failure) {
                     if (failure) std::rethrow_exception(failure);
                   });
  }

  static async::Task<void> keep_going(std::shared_ptr<Implementation> self, const char* name, OwnTask task) {
    while (!self->stopped) {
      try {
        co_await task();
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

  static async::Task<void> accept(std::shared_ptr<Implementation> self, std::shared_ptr<Listener> listener) {
    bool complained = false;
    while (listener->acceptor.is_open()) {
      if (self->is_full() && !self->context.connections.has_waiting()) {
        co_await wait_to_accept(*listener);
        continue;
      }
      error_code error;
      Listener::Socket socket =
          co_await listener->acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (!error) {
        complained = false;
        self->serve(std::move(socket), *listener);
      } else if (error != asio::error::operation_aborted && error != asio::error::connection_aborted) {
        if (!complained) log::error("cannot accept connections for now: {}", error.message());
        complained = true;
        co_await wait_to_accept(*listener);
      }
    }
  }

  // A while, or until a connection has ended. The listener is held by whoever waits.
  static async::Task<void> wait_to_accept(Listener& listener) {
    error_code ignored;
    listener.pause.expires_after(pause);
    co_await listener.pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  bool is_full() const { return context.connections.size() >= context.options.max_connections; }

  void serve(Listener::Socket socket, const Listener& listener) {
    ConnectionTable& connections = context.connections;
    std::string peer = listener.peer_of(socket);
    const bool stands_for_many = is_trusted(peer, context.options.is_trusted_proxy);
    std::string owner = stands_for_many ? std::string() : share_owner(peer);
    const bool has_its_share =
        !owner.empty() && connections.count_of(owner) >= context.options.max_connections_per_owner;
    std::shared_ptr<ServerConnection> leaving;
    if (has_its_share) {
      leaving = connections.let_one_go_of(owner);
    } else if (is_full()) {
      leaving = connections.let_one_go();
    }
    if (has_its_share && !leaving) {
      ++beyond_share;
      return;
    }
    ++accepted;
    if (leaving) {
      ++gave_way;
      leaving->close();
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
                                       for (const auto& listener : self->listeners) listener->pause.cancel();
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
    for (const auto& listener : listeners) {
      listener->remove_file();
      error_code error;
      listener->acceptor.non_blocking(true, error);
      while (!error && !is_full()) {
        Listener::Socket socket(executor);
        listener->acceptor.accept(socket, error);
        if (!error) serve(std::move(socket), *listener);
      }
    }
  }

  void stop_accepting() {
    context.draining = true;
    for (const auto& listener : listeners) listener->close();
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
  std::vector<std::shared_ptr<Listener>> listeners;
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

Result<void, std::string> Server::listen(const Address& address) { return implementation_->listen(address); }

std::vector<Address> Server::addresses() const {
  std::vector<Address> addresses;
  for (const auto& listener : implementation_->listeners) addresses.push_back(listener->address());
  return addresses;
}

std::uint16_t Server::port() const { return implementation_->listeners.front()->address().port; }

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
