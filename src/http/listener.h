// A socket that listens: at an IP address and a port, or at a path as a Unix socket.
//
// The file of a Unix socket is made with its mode, in the place of one that a crash has left behind, and never of one
// where somebody still listens nor of anything else. It is removed first when the listener closes: from then on whoever
// connects finds nobody, and whoever has connected is still accepted. Processes that do this at once for one folder
// wait for each other. Thread: its executor's only one; open() blocks.
#pragma once

#include "async/task.h"
#include "base/result.h"
#include "http/address.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace afterword::http {

namespace asio = boost::asio;

class Listener {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  // One for each address that a name stands for; those of a family that this machine does not have are left out as long
  // as there is another. Port 0 takes a free one, the same for all. The error is for a person: what is wrong, and how
  // to fix it.
  static Result<std::vector<std::shared_ptr<Listener>>, std::string> open(const async::Executor& executor,
                                                                          const Address& address,
                                                                          mode_t unix_socket_mode);

  explicit Listener(const async::Executor& executor) : acceptor(executor), pause(executor) {}
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // With the port that was taken.
  const Address& address() const { return address_; }

  // Lets nobody connect any more who finds us by our file.
  void remove_file();
  void close();

  // The IP address of the other end, of IPv4 as such, also where the socket is one of IPv6; empty for a Unix socket.
  std::string peer_of(const Socket& socket) const;

  asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor;
  asio::steady_timer pause;  // while nobody can be accepted

 private:
  struct File {
    dev_t device;
    ino_t number;
  };

  boost::system::error_code listen_at(const asio::ip::tcp::endpoint& endpoint, bool ipv6_alone);
  // Why it could not.
  std::optional<std::string> listen_at_path(const std::string& path, mode_t mode);

  Address address_;
  std::optional<File> file_;  // of our Unix socket
};

}  // namespace afterword::http
