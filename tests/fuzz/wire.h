// Plain sockets on the loopback for the targets that speak HTTP: nothing blocks, one thread does both sides, and it is
// known when both have nothing more to say.
#pragma once

#include <boost/asio/io_context.hpp>

#include <cerrno>
#include <cstdint>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace afterword::fuzz {

class Socket {
 public:
  explicit Socket(int number = -1) : number_(number) {
    const int on = 1;  // what is sent leaves at once, however small
    ::setsockopt(number_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Socket() {
    if (number_ < 0) return;
    const linger at_once{1, 0};  // leaves nothing behind in the kernel, however many there were
    ::setsockopt(number_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(number_);
  }

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  static Socket connect(std::uint16_t port) {
    Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
    const sockaddr_in address = loopback(port);
    ::connect(socket.number_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return socket;
  }

  static Socket listen() {
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const sockaddr_in address = loopback(0);
    ::bind(socket.number_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(socket.number_, 64);
    return socket;
  }

  std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(number_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  Socket accept() const { return Socket(::accept(number_, nullptr, nullptr)); }
  bool is_open() const { return number_ >= 0; }

  void send(std::string_view text) const { ::send(number_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT); }
  void end() const { ::shutdown(number_, SHUT_WR); }

  // Whether the other side has closed, and all that it sent was received.
  bool has_ended() const {
    char byte = 0;
    const auto received = ::recv(number_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return received == 0 || (received < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  }

  // What has arrived.
  std::string receive() const {
    std::string all;
    char buffer[16 * 1024];
    for (;;) {
      const auto received = ::recv(number_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (received <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(received));
    }
  }

 private:
  int number_;
};

// Runs what is ready, and what that makes ready. On the loopback what was sent has arrived.
inline void settle(boost::asio::io_context& context) {
  for (int idle = 0; idle < 2; ++idle) {
    context.restart();
    if (context.poll() > 0) idle = -1;
  }
}

}  // namespace afterword::fuzz
