#include "gateway/client_address.h"

#include "http/connection_table.h"

#include <algorithm>
#include <string_view>

namespace afterword::gateway {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string client_address(const http::Request& request, const std::vector<std::string>& trusted_proxies) {
  const auto is_trusted = [&](std::string_view address) {
    return std::ranges::find(trusted_proxies, address) != trusted_proxies.end();
  };
  // A header that comes in several lines means the same as one with all of them.
  std::string chain;
  for (const http::Header& header : request.headers) {
    if (http::equal_ignoring_case(header.name, "X-Forwarded-For")) chain += header.value + ',';
  }

  std::string_view address = request.peer;
  std::string_view rest = chain;
  while (is_trusted(address) && !rest.empty()) {
    rest.remove_suffix(1);  // the comma behind it
    const std::size_t comma = rest.rfind(',');
    const std::string_view next = trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma + 1);
    if (!next.empty()) address = next;
  }
  return http::share_owner(std::string(address));
}

}  // namespace afterword::gateway
