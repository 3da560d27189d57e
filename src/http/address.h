// Where something listens: a host and a port, or a Unix socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace afterword::http {

struct Address {
  std::string host{};  // a name, or an IP address; of IPv6 without its brackets
  std::uint16_t port = 0;
  std::string unix_path{};  // instead of both

  bool is_unix() const { return !unix_path.empty(); }
};

// 127.0.0.1:8009, [::1]:8009, unix:/run/afterword/afterword.sock
std::string to_text(const Address& address);

// What stands before the path of a Unix socket where an address is written.
inline constexpr std::string_view unix_prefix = "unix:";

// The system takes no longer ones.
inline constexpr std::size_t max_unix_path_bytes = 107;

}  // namespace afterword::http
