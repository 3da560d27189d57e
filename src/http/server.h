// An HTTP/1.1 server: keep-alive, pipelined requests answered in order, limits on everything.
//
// Thread: its executor's only thread. A handler runs as one task per request; an exception that leaves it is a bug,
// logged, and answered with 500 M_UNKNOWN. Malformed or oversized requests are answered as JSON Matrix errors (400
// M_UNKNOWN, 413 M_TOO_LARGE, 431 M_UNKNOWN, 503 M_UNKNOWN when bodies take too much memory) and the connection is
// closed. A handler finishes even if its client goes away, unless its Admission says that it only reads: then it is
// cancelled. The destructor cuts what drain() has not ended.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/result.h"
#include "http/address.h"
#include "http/server_options.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace afterword::http {

struct ServerFigures {
  std::size_t max_connections = 0;
  std::size_t connections = 0;
  // Since the start.
  std::uint64_t accepted = 0;
  std::uint64_t beyond_share = 0;  // closed at once, for their address had its share
  std::uint64_t gave_way = 0;      // those that waited for their client, to new ones
  std::uint64_t refused = 0;       // requests that are none, or bring more than they may
};

class Server {
 public:
  // Without `admit` every request may bring max_body_bytes and is handled to its end.
  Server(async::Executor executor, Handler handler, ServerOptions options = {}, Admit admit = {});
  ~Server();

  // Listens and starts to accept, at all that a name stands for (listener.h). Port 0 takes a free one. May be called
  // for more than one address. The error is for a person: what is wrong, and how to fix it.
  Result<void, std::string> listen(const Address& address);
  // Where it listens, once it does; and the port of the first.
  std::vector<Address> addresses() const;
  std::uint16_t port() const;

  ServerFigures figures() const;

  // Accepts no more connections. Each answer is its connection's last; those that stay idle are closed after the
  // farewell. Goes on when the requests in flight are answered or `limit` has passed. Then the rest are cut: their
  // connections are closed and their handlers cancelled, with a second to unwind. Call once.
  async::Task<void> drain(std::chrono::milliseconds limit);

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace afterword::http
