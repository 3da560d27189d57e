// One connection of a client: opened once, then one exchange after the other.
//
// Lifecycle: open(), then exchange() as long as is_reusable(). cut() may be called at any time from elsewhere, and what
// is under way then fails soon. Held by a shared_ptr for as long as a task of its own runs. Thread: its executor's only
// thread.
#pragma once

#include "async/clock.h"
#include "http/client.h"
#include "http/head.h"
#include "http/name_lookup.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::http {

namespace asio = boost::asio;

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  // `tls_context`: null for plain http; outlives the connection.
  ClientConnection(async::Executor executor, asio::ssl::context* tls_context);

  // Connects to the first address that answers, and agrees on TLS. `limit` is for each of these steps, and for finding
  // the addresses. Returns the reason why it could not, for the log. `names` must outlive the task.
  async::Task<std::optional<std::string>> open(Origin origin, NameLookup& names, std::chrono::milliseconds limit);

  struct Outgoing {
    Head head;
    std::string body;
    bool is_head_request = false;
  };
  struct Failure {
    std::string reason;
    bool before_answer = false;  // the other side closed before it sent a single byte
    bool too_large = false;
    bool no_room = false;
  };
  // `outgoing` and `held`, which may be null, must outlive the task. An answer with anything behind it is none: who has
  // said more than was asked may have answered something else.
  async::Task<Result<Response, Failure>> exchange(const Outgoing& outgoing, std::size_t max_response_bytes,
                                                  ByteBudget::Share* held);

  // The Keep-Alive header of the last answer.
  std::optional<std::string_view> keep_alive() const { return keep_alive_; }

  // Whether the last exchange left it open and in step.
  bool is_in_step() const { return in_step_ && !was_cut_; }

  // Also, whether the other side has neither closed it nor said anything since.
  bool is_reusable() { return is_in_step() && look() == Waiting::nothing; }

  void cut();

  async::Steady idle_since{};  // for its pool

 private:
  class Parser;
  async::Task<std::optional<Failure>> read_head(Parser& parser);
  async::Task<std::optional<Failure>> read_body(Parser& parser, ByteBudget::Share* held);
  async::Task<boost::system::error_code> receive();
  enum class Waiting { nothing, bytes, end };
  Waiting look();
  async::Task<void> shake_hands(const Origin& origin, boost::system::error_code& error);
  void start_limit(std::chrono::milliseconds limit);
  bool end_limit();  // true if it was reached

  async::Executor executor_;
  asio::ssl::context* tls_context_;
  asio::ip::tcp::socket socket_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
  asio::steady_timer limit_timer_;
  std::size_t limited_step_ = 0;  // tells a limit that comes late from the present one
  bool limit_reached_ = false;
  boost::beast::flat_buffer input_;
  std::optional<std::string> keep_alive_;
  bool answer_begun_ = false;
  bool in_step_ = false;
  bool was_cut_ = false;
};

}  // namespace afterword::http
