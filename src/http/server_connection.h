// One connection of a server: reads requests, has them handled, writes the answers, one after the other.
//
// Lifecycle: run() once, as one task; it returns when the connection has ended. Meanwhile the server asks is_overdue()
// and is_abandoned() once a tick. So no read or write needs a timer of its own, and no request a task that watches its
// client. Thread: its executor's only thread.
#pragma once

#include "async/task.h"
#include "http/answer_head.h"
#include "http/connection_table.h"
#include "http/framing.h"
#include "http/listener.h"
#include "http/message.h"
#include "http/server_options.h"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::http {

// How often the server looks at its connections. Time limits are counted in it.
constexpr std::chrono::milliseconds tick_length{250};

// What the connections of one server share.
struct ServerContext {
  Handler handler;
  Admit admit;
  ServerOptions options;
  ConnectionTable connections;
  std::uint64_t tick = 0;  // since the server started
  std::string date;        // of the tick
  std::uint64_t refused = 0;
  bool draining = false;  // answers close their connection
};

class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  // `owner`: whose share of the connections it is, as in ConnectionTable::add().
  ServerConnection(Listener::Socket socket, std::string peer, std::string owner, ServerContext& context);

  // Before run().
  void take(ConnectionTable::Place place) { place_ = place; }

  async::Task<void> run();

  bool is_overdue() const { return context_.tick >= deadline_; }

  // Whether it handles a request that nobody needs any more: one that only reads, and its client has gone.
  bool is_abandoned();

  // Gives back what it needs no more while it handles a request. Long polls are many; one that is answered at once is
  // not slowed down by it, if it is done once a tick.
  void hold_little();

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
  class RequestBody;
  class Interim;
  enum class Refusal;
  static constexpr std::uint64_t no_deadline = std::numeric_limits<std::uint64_t>::max();

  async::Task<Result<std::unique_ptr<Incoming>, Refusal>> read_request();
  async::Task<std::optional<Refusal>> read_head();
  async::Task<std::optional<Refusal>> read_whole_body(std::size_t head_bytes);
  std::optional<Refusal> take_in();
  bool is_read() const { return !parser_ || parser_->is_done(); }
  async::Task<bool> ask_for_body();
  async::Task<boost::system::error_code> read_some(std::size_t size);
  void write_interim(const Response& answer);
  // How a body or an answer gets on: in the time that is counted since `since`, from `from_bytes`.
  struct Progress {
    std::uint64_t since;
    std::size_t from_bytes = 0;
    std::size_t carried_bytes = 0;
  };
  async::Task<bool> write_answer(Response response, AnswerContext answer);
  async::Task<bool> pass_on(BodyStream& rest, bool chunked, Progress& progress);
  async::Task<bool> write(std::string_view before, std::string_view body, std::string_view behind, Progress& progress);
  async::Task<void> refuse(Refusal refusal);
  async::Task<void> linger();
  // Closes it in a way that no client can take for the end of an answer.
  static std::uint64_t to_ticks(std::chrono::milliseconds duration) {
    return static_cast<std::uint64_t>(duration / tick_length);
  }
  // It is the client's turn, for so long.
  void wait_for_client(std::chrono::seconds limit);
  void expect_progress(Progress& progress, std::chrono::seconds limit);

  Listener::Socket socket_;
  ServerContext& context_;  // outlives every connection
  ConnectionTable::Place place_;
  boost::beast::flat_buffer input_;
  std::unique_ptr<StrictParser<true>> parser_;  // of the present request; null once it is there and waits long
  std::weak_ptr<RequestBody> body_;             // what still comes of it while it is handled
  std::string unsent_;                          // of an interim answer: it goes before anything else
  std::optional<Refusal> refused_;              // why, if reading the rest of the body has failed
  std::string peer_;
  std::string owner_;  // empty: of whoever the peer says
  // Of the request that is handled: what admit() has said, or else what it is asked with.
  std::optional<bool> ends_with_client_;
  std::string method_;
  std::string target_;
  ByteBudget::Share held_;  // of a head, a body or an answer that is not tiny
  std::uint64_t deadline_ = no_deadline;
  bool idle_ = false;
  bool handling_ = false;
  bool passing_on_ = false;                         // an answer that has begun
  std::optional<std::uint64_t> half_closed_since_;  // the tick
  bool is_answering_ = false;                       // its head may have left, and not all of it has
  bool was_cut_ = false;
  asio::cancellation_signal cancellation_;
};

}  // namespace afterword::http
