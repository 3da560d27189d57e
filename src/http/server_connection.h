// One connection of a server: reads requests, has them handled, writes the answers, one after the other.
//
// Lifecycle: run() once, as one task; it returns when the connection has ended. Meanwhile the server looks at
// is_overdue() once a tick, which spares every read and write a timer of its own. Thread: its executor's only thread.
#pragma once

#include "async/task.h"
#include "http/message.h"
#include "http/server.h"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::http {

namespace asio = boost::asio;

// What the connections of one server share.
struct ServerContext {
  Handler handler;
  ServerOptions options;
  std::uint64_t tick = 0;  // seconds since the server started, roughly
  std::string date;        // of the tick
  bool draining = false;   // answers close their connection
};

class ServerConnection {
 public:
  ServerConnection(asio::ip::tcp::socket socket, const ServerContext& context);

  async::Task<void> run();

  bool is_overdue() const { return context_.tick >= deadline_; }

  // Closes it if it waits for a request and none has begun to arrive.
  void close_if_idle();

  // Closes it whatever it does; run() then ends soon, but a handler is left to finish.
  void close();

  // Closes it and cancels its handler.
  void cut();
  bool was_cut() const { return was_cut_; }

  // To be connected to the task of run().
  asio::cancellation_slot cancellation_slot() { return cancellation_.slot(); }

 private:
  struct Incoming;
  enum class Refusal;
  static constexpr std::uint64_t no_deadline = std::numeric_limits<std::uint64_t>::max();

  async::Task<Result<Incoming, Refusal>> read_request();
  async::Task<bool> read_some(std::size_t size);
  async::Task<Response> handle(Request request);
  async::Task<bool> write(std::string_view head, std::string_view body);
  async::Task<void> refuse(Refusal refusal);
  async::Task<void> linger();
  void set_deadline(std::chrono::seconds from_now) {
    // The present tick is partly over.
    deadline_ = context_.tick + static_cast<std::uint64_t>(from_now.count()) + 1;
  }

  asio::ip::tcp::socket socket_;
  const ServerContext& context_;  // outlives every connection
  boost::beast::flat_buffer input_;
  std::string peer_;
  std::uint64_t deadline_ = no_deadline;
  bool idle_ = false;
  bool was_cut_ = false;
  asio::cancellation_signal cancellation_;
};

}  // namespace afterword::http
