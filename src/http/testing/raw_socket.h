// A blocking socket for tests that speak HTTP by hand, well or badly. It gives up after ten seconds instead of hanging.
// Thread: any one.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>

namespace afterword::http::testing {

class RawSocket {
 public:
  // `from`: one of the loopback addresses 127.0.0.0/8.
  static RawSocket connect(std::uint16_t port, const char* from = "127.0.0.1") {
    RawSocket result;
    result.socket_->open(boost::asio::ip::tcp::v4());
    result.socket_->bind(boost::asio::ip::tcp::endpoint(boost::asio::ip::make_address(from), 0));
    result.socket_->connect(boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
    result.set_time_limit();
    return result;
  }

  // To a Unix socket.
  static RawSocket connect_to(const std::string& path) {
    RawSocket result;
    result.socket_->connect(boost::asio::local::stream_protocol::endpoint(path));
    result.set_time_limit();
    return result;
  }

  template <class Acceptor>
  static RawSocket accept(Acceptor& acceptor) {
    RawSocket result;
    acceptor.accept(*result.socket_);
    result.set_time_limit();
    return result;
  }

  // Sends all of it, unless the other side closes meanwhile.
  void send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(socket_->native_handle(), text.data(), text.size(), MSG_NOSIGNAL);
      is_broken_ = sent <= 0;
      if (is_broken_) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Everything up to and with `end`, or what came before the connection was closed.
  std::string read_until(std::string_view end) {
    std::size_t found = received_.find(end);
    while (found == std::string::npos && receive()) found = received_.find(end);
    return take(found == std::string::npos ? received_.size() : found + end.size());
  }

  std::string read(std::size_t size) {
    while (received_.size() < size && receive()) continue;
    return take(std::min(size, received_.size()));
  }

  // One message: its head, and as much body as its Content-Length says.
  std::string read_message() {
    std::string head = read_until("\r\n\r\n");
    constexpr std::string_view name = "\r\nContent-Length: ";
    const std::size_t length = head.find(name);
    if (length == std::string::npos) return head;
    return head + read(std::stoul(head.substr(length + name.size())));
  }

  std::string read_to_end() {
    while (receive()) continue;
    return take(received_.size());
  }

  // Whether something arrives, if only the end, before `limit` has passed.
  bool waits_for_bytes(std::chrono::milliseconds limit) {
    pollfd readable{.fd = socket_->native_handle(), .events = POLLIN, .revents = 0};
    return !received_.empty() || ::poll(&readable, 1, static_cast<int>(limit.count())) > 0;
  }

  // True once the other side has closed, in whatever way, without sending more.
  bool is_closed_by_peer() { return received_.empty() && !receive() && !timed_out_; }

  // The same without waiting.
  bool was_closed_by_peer() {
    char byte = 0;
    const auto received = ::recv(socket_->native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return received == 0 || (received < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  }

  // Whether what is sent is of no use any more, though there may be an answer to read.
  bool was_reset_by_peer() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_->native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
    return is_broken_ || error != 0;
  }

  void close() { socket_->close(); }

  // Says that nothing more will be sent, and may still read.
  void half_close() { socket_->shutdown(boost::asio::socket_base::shutdown_send); }

  // Closes without a farewell: the other side sees a reset.
  void reset() {
    socket_->set_option(boost::asio::socket_base::linger(true, 0));
    socket_->close();
  }

 private:
  using Socket = boost::asio::generic::stream_protocol::socket;

  RawSocket() : context_(std::make_unique<boost::asio::io_context>()), socket_(std::make_unique<Socket>(*context_)) {}

  void set_time_limit() {
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_->native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_->native_handle(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }

  bool receive() {
    char buffer[16 * 1024];
    const auto received = ::recv(socket_->native_handle(), buffer, sizeof buffer, 0);
    timed_out_ = received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (received <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(received));
    return true;
  }

  std::string take(std::size_t size) {
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<Socket> socket_;
  std::string received_;
  bool timed_out_ = false;
  bool is_broken_ = false;
};

}  // namespace afterword::http::testing
