// What a server is given: who handles a request, what a request may bring, and the limits.
#pragma once

#include "async/task.h"
#include "http/byte_budget.h"
#include "http/client_address.h"
#include "http/message.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace afterword::http {

// May answer no_answer.
using Handler = std::function<async::Task<Response>(Request)>;

// What a request may do to the server, as its head tells.
struct Admission {
  std::size_t max_body_bytes = 0;  // beyond it the request is refused before any more of the body is read
  // Its handler is called with what there is of the body and reads the rest in pieces. There is no limit to it.
  bool streams_body = false;
  // Its body may take from the part of the memory that is reserved for requests which must go on when there is no room
  // for others. They have to be small.
  bool may_use_reserve = false;
  // It only reads, so nobody needs it when its client has gone.
  bool ends_with_client = false;
};

// Asked at most once for a request, and only where it matters: before a body is read, and when a client has gone while
// its request is handled.
using Admit = std::function<Admission(std::string_view method, std::string_view target)>;

struct ServerOptions {
  std::size_t max_header_bytes = 64 * 1024;
  std::size_t max_body_bytes = 100 * 1024 * 1024;  // of those that are read whole
  // Beyond it the connection that has waited longest for its client gives way to a new one. If all are busy, accepting
  // pauses.
  std::size_t max_connections = 20'000;
  // Those of one address, or of one /64 of IPv6. Beyond it one of theirs gives way; if all are busy, the new one is
  // closed at once.
  std::size_t max_connections_per_owner = 5'000;
  // Of the files of Unix sockets: who may write to one may connect to it.
  mode_t unix_socket_mode = 0660;
  // Addresses that stand for many clients, and are believed who these are (client_address.h). They have no share; nor
  // has whoever comes through a Unix socket.
  IsTrustedProxy is_trusted_proxy = [](const std::string&) { return false; };
  // All times are kept to a fraction of a second. Longer than the 60 s for which common proxies keep a connection, so
  // that it is they who close it.
  std::chrono::seconds idle_timeout{75};
  std::chrono::seconds head_timeout{30};  // for the whole of a head, once it has begun
  // In each of these, a body that arrives and an answer that is read must get on by min_bytes_per_second on average, or
  // be done. So nothing is kept up by a byte now and then. An answer has longer, for the system reads ahead of a slow
  // client.
  std::chrono::seconds body_timeout{30};
  std::chrono::seconds answer_timeout{300};
  std::size_t min_bytes_per_second = 8 * 1024;
  // What all requests and answers may take together, heads included, and the client of each a share of it. Those that
  // are too small to matter are not counted.
  std::shared_ptr<ByteBudget> bodies = std::make_shared<ByteBudget>(512 * 1024 * 1024);
  // A client that has ended its side of the connection may still wait for the answer, as nc does; it looks the same as
  // one that has closed. A request that only reads is given this long from then on. One whose connection was reset is
  // cancelled at once.
  std::chrono::milliseconds half_closed_limit{1000};
  // While it drains: how long a kept connection may still bring a request. A proxy that has just chosen it must not
  // find it closed, and by the end of this has found out that no new ones are accepted.
  std::chrono::milliseconds farewell{500};
};

}  // namespace afterword::http
