// An HTTP/1.1 server: keep-alive, pipelined requests answered in order, limits on everything.
//
// Thread: its executor's only thread. A handler runs as one task per request; an exception that leaves it is a bug,
// logged, and answered with 500 M_UNKNOWN. Malformed or oversized requests are answered as JSON Matrix errors (400
// M_UNKNOWN, 413 M_TOO_LARGE, 431 M_UNKNOWN) and the connection is closed. A handler finishes even if its client goes
// away. The destructor cuts what drain() has not ended.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/result.h"
#include "http/message.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace afterword::http {

// May answer no_answer.
using Handler = std::function<async::Task<Response>(Request)>;

struct ServerOptions {
  std::size_t max_header_bytes = 64 * 1024;
  std::size_t max_body_bytes = 100 * 1024 * 1024;  // uploads pass through
  std::size_t max_connections = 20'000;            // beyond it, accepting pauses
  // Idle, or for the whole of a head once it has begun. Longer than the 60 s for which common proxies keep a
  // connection, so that it is they who close it. This one and the next are kept to about a second.
  std::chrono::seconds header_timeout{75};
  std::chrono::seconds body_timeout{300};  // a body or an answer without progress
  // While it drains: how long a kept connection may still bring a request. A proxy that has just chosen it must not
  // find it closed, and by the end of this has found out that no new ones are accepted.
  std::chrono::milliseconds farewell{500};
};

class Server {
 public:
  Server(async::Executor executor, Handler handler, ServerOptions options = {});
  ~Server();

  // Listens and starts to accept; call once. `host` is an address or a name; port 0 takes a free one. The error says
  // what the system said, for a person.
  Result<void, std::string> listen(const std::string& host, std::uint16_t port);
  std::uint16_t port() const;

  // Accepts no more connections. Each answer is its connection's last; those that stay idle are closed after the
  // farewell. Goes on when the requests in flight are answered or `limit` has passed. Then the rest are cut: their
  // connections are closed and their handlers cancelled, with a second to unwind. Call once.
  async::Task<void> drain(std::chrono::milliseconds limit);

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace afterword::http
