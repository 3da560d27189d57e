// One connection of a client: opened once, then one exchange after the other.
//
// Lifecycle: open(), then exchanges as long as is_reusable(). An exchange is begin(), wait_for_answer(),
// read_answer_head(), and read_more() until is_complete(). cut() may be called at any time from elsewhere, and what is
// under way then fails soon. Held by a shared_ptr for as long as a task of its own runs. Thread: its executor's only
// thread.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/memory_pool.h"
#include "base/result.h"
#include "http/head.h"
#include "http/message.h"
#include "http/name_lookup.h"
#include "http/origin.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
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
  ~ClientConnection();

  // Connects to the first address that answers, and agrees on TLS. `limit` is for each of these steps, and for finding
  // the addresses. Returns the reason why it could not, for the log. `origin` and `names` must outlive the
  // task.
  async::Task<std::optional<std::string>> open(const Origin& origin, NameLookup& names,
                                               std::chrono::milliseconds limit);

  struct Outgoing {
    Head head;
    std::string body;
    std::shared_ptr<BodyStream> rest;         // what is to come of the body
    std::shared_ptr<InterimAnswers> interim;  // null: they are dropped
    bool is_chunked = false;
    bool is_head_request = false;

    // When it is sent and will not be again.
    void forget_text() {
      const Head forgotten = std::move(head);
      body = std::string();
    }
  };
  struct Failure {
    std::string reason{};
    bool before_answer = false;  // the other side closed before it sent a single byte
    bool too_large = false;
    bool request_broke_off = false;  // its own body
  };
  // Sends the request, as far as its body is there. The rest goes out beside what follows. Whatever fails shows in the
  // answer, or in that there is none. `outgoing` must outlive the task.
  async::Task<void> begin(const Outgoing& outgoing);

  // Until there is something to read. An answer takes minutes at times, so hardly any memory is held meanwhile.
  async::Task<void> wait_for_answer();

  // Reads the head of the answer. What came with it of the body is in received(). An answer may come while the request
  // is still being sent: then no more of that is sent, and none of it is read after this. `outgoing` must outlive the
  // task.
  async::Task<Result<Response, Failure>> read_answer_head(const Outgoing& outgoing, std::uint64_t max_body_bytes);

  // Waits for more of the body, which goes behind what is in received(). An answer with anything behind it fails with
  // its last piece: who has said more than was asked may have answered something else.
  async::Task<std::optional<Failure>> read_more(std::chrono::milliseconds limit);

  // How much was sent of what was to come of the request's body.
  std::uint64_t sent_rest_bytes() const { return sent_rest_bytes_; }

  // Of the body, what the caller has not taken yet.
  std::string& received();
  bool is_complete() const;
  std::optional<std::uint64_t> remaining_bytes() const;

  // The Keep-Alive header of the last answer.
  std::optional<std::string_view> keep_alive() const { return keep_alive_; }

  // Whether the last exchange is complete, and left it open and in step.
  bool is_in_step() const { return in_step_ && !was_cut_; }

  // Also, whether the other side has neither closed it nor said anything since.
  bool is_reusable() { return is_in_step() && look() == Waiting::nothing; }

  void cut();

  async::Steady idle_since{};  // for its pool

 private:
  using Socket = asio::generic::stream_protocol::socket;
  class Parser;
  struct Upload;
  static async::Task<Result<NameLookup::Addresses, std::string>> addresses_of(const Origin& origin, NameLookup& names,
                                                                              std::chrono::milliseconds limit);
  async::Task<std::optional<std::string>> connect(const Origin& origin, NameLookup& names,
                                                  std::chrono::milliseconds limit);
  async::Task<std::optional<std::string>> connect_to_path(std::string path, std::chrono::milliseconds limit);
  std::shared_ptr<Upload> start_upload(const Outgoing& outgoing);
  static async::Task<void> send_rest(std::shared_ptr<ClientConnection> self, std::shared_ptr<BodyStream> rest,
                                     bool is_chunked, std::shared_ptr<Upload> upload);
  // What they refer to outlives the task.
  async::Task<boost::system::error_code> send(std::string_view before, std::string_view piece, std::string_view behind);
  async::Task<Result<Response, Failure>> read_final_head(const Outgoing& outgoing, std::uint64_t max_body_bytes);
  async::Task<std::optional<Failure>> read_head(bool is_waited_for);
  std::optional<Failure> take_head();
  Response to_response();  // the head that was read
  std::optional<Failure> take_in();
  std::optional<Failure> finish();
  async::Task<boost::system::error_code> receive(std::size_t size);
  boost::system::error_code receive_at_once();
  void took_in(std::size_t received, std::size_t size);
  enum class Waiting { nothing, bytes, end };
  Waiting look();
  async::Task<void> shake_hands(const Origin& origin, boost::system::error_code& error);
  void start_limit(std::chrono::milliseconds limit);
  bool end_limit();  // true if it was reached

  async::Executor executor_;
  asio::ssl::context* tls_context_;
  Socket socket_;
  std::unique_ptr<asio::ssl::stream<Socket&>> tls_;  // null for plain http
  std::unique_ptr<asio::steady_timer> limit_timer_;  // while there is a limit
  std::size_t limited_step_ = 0;                     // tells a limit that comes late from the present one
  bool limit_reached_ = false;
  boost::beast::basic_flat_buffer<PoolAllocator<char>> input_;
  std::unique_ptr<Parser> parser_;  // of the present answer, once its head is there
  std::shared_ptr<Upload> upload_;  // of the present request, if it has a rest
  Headers headers_;                 // of the head that was just read
  std::optional<std::string> keep_alive_;
  bool sent_all_ = false;  // the request
  std::uint64_t sent_rest_bytes_ = 0;
  bool answer_begun_ = false;
  bool has_filled_read_ = false;  // so that there may be more
  bool in_step_ = false;
  bool was_cut_ = false;
};

}  // namespace afterword::http
