// An HTTP/1.1 client of one origin, with a pool of kept-alive connections; http, https (verified against the system's
// certificates or those of the origin), and http through a Unix socket.
//
// Thread: its executor's only thread.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/result.h"
#include "http/byte_budget.h"
#include "http/message.h"
#include "http/origin.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace afterword::http {

// Why there is no answer. `arrived` is what can be known about the request.
struct NoAnswer {
  enum class Arrived {
    no,      // it cannot have been acted on: refused, unresolved, or no free connection in time
    unknown  // some of it was sent
  };
  Arrived arrived = Arrived::unknown;
  std::string reason;          // for the log
  bool was_cancelled = false;  // by close(), or with the task that asked: the other end has not failed
  bool too_large = false;      // there was one, larger than what was asked for
  bool no_room = false;        // there was one, and the answers in memory left no room for it
};

using SendResult = Result<Response, NoAnswer>;

struct ClientOptions {
  std::size_t max_connections = 256;
  std::size_t max_idle_connections = 64;
  std::chrono::milliseconds connect_timeout{5'000};  // for each address tried, and for the TLS handshake
  std::chrono::milliseconds stall_timeout{120'000};  // for each next piece of a body that is read in pieces
  // What answers take while they are read; null: they are not counted.
  std::shared_ptr<ByteBudget> bodies = nullptr;
};

// What one request and its answer may take. The default size is that of what passes through; a question of our own says
// how much its answer can need, and a larger one is no answer.
struct SendLimits {
  SendLimits(std::chrono::milliseconds timeout_to_use, std::size_t max_response_bytes_to_use = 256 * 1024 * 1024)
      : timeout(timeout_to_use), max_response_bytes(max_response_bytes_to_use) {}

  std::chrono::milliseconds timeout;  // for all of it, and the wait for a connection
  std::size_t max_response_bytes;     // of the body
};

// How its connections are used.
struct ClientFigures {
  std::size_t max_connections = 0;
  std::size_t in_use = 0;
  std::size_t idle = 0;      // and open
  std::uint64_t opened = 0;  // connections, since the start
};

class Client {
 public:
  Client(async::Executor executor, Origin origin, ClientOptions options = {});
  ~Client();

  // Sends the request and reads the whole answer. Host is the request's own, or else the origin's; it chooses nothing
  // here. Framing is ours, and hop-by-hop headers are dropped in both directions. A kept-alive connection is used again
  // only while the server has not closed it; one that it closes at that very moment is replaced once, without a word,
  // for GET, HEAD and OPTIONS only: nothing else is ever sent twice, nor over one that may be about to be closed
  // (keep_time.h). Requests beyond max_connections wait, in order.
  async::Task<SendResult> send(Request request, SendLimits limits);

  // The same, but goes on with the head of the answer: of its body there is as much as came with the head, and the rest
  // is read in pieces. That rest has no limits but that it gets on (ClientOptions::stall_timeout). Whoever gives it up
  // closes its connection. `timeout` is for the head.
  async::Task<SendResult> stream(Request request, std::chrono::milliseconds timeout);

  ClientFigures figures() const;

  // Ends what is in flight with NoAnswer, breaks off what is read in pieces, and closes all connections.
  void close();

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace afterword::http
