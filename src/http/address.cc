#include "http/address.h"

#include <fmt/format.h>

namespace afterword::http {

std::string to_text(const Address& address) {
  if (address.is_unix()) return std::string(unix_prefix) + address.unix_path;
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", address.host, address.port)
                 : fmt::format("{}:{}", address.host, address.port);
}

}  // namespace afterword::http
