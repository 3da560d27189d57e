#include "http/client_address.h"

#include "base/text.h"
#include "http/connection_table.h"

#include <string_view>

namespace afterword::http {
namespace {

// Some proxies name the client's port too, which is another for each of its connections: "192.0.2.7:4711",
// "[2001:db8::1]:4711".
std::string_view without_port(std::string_view address) {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  const std::size_t colon = address.find(':');
  const bool is_the_only_one = colon != std::string_view::npos && colon == address.rfind(':');
  return is_the_only_one ? address.substr(0, colon) : address;
}

}  // namespace

bool is_trusted(const std::string& peer, const IsTrustedProxy& is_trusted_proxy) {
  return peer.empty() || is_trusted_proxy(peer);
}

std::string client_address(const Request& request, const IsTrustedProxy& is_trusted_proxy) {
  // A header that comes in several lines means the same as one with all of them.
  std::string chain;
  for (const Header& header : request.headers) {
    if (equal_ignoring_case(header.name, "X-Forwarded-For")) chain.append(header.value).append(",");
  }

  std::string address = request.peer;
  std::string_view rest = chain;
  bool is_believed = is_trusted(address, is_trusted_proxy);
  while (is_believed) {
    if (rest.empty()) return {};
    rest.remove_suffix(1);  // the comma behind it
    const std::size_t comma = rest.rfind(',');
    const std::string_view next = trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma + 1);
    if (next.empty()) continue;
    address = without_port(next);
    is_believed = is_trusted_proxy(address);
  }
  return share_owner(address);
}

}  // namespace afterword::http
