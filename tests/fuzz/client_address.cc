// http/client_address: what X-Forwarded-For is believed.
//
// The input: the peer, a line of trusted proxies with spaces in between, then a line for each X-Forwarded-For.
#include "http/client_address.h"

#include "http/connection_table.h"
#include "require.h"
#include "targets.h"

namespace afterword::fuzz {

void client_address(std::string_view input) {
  http::Request request;
  request.peer = take_line(input);
  std::vector<std::string> trusted;
  std::string_view proxies = take_line(input);
  while (!proxies.empty()) {
    const std::size_t end = std::min(proxies.find(' '), proxies.size());
    trusted.emplace_back(proxies.substr(0, end));
    proxies.remove_prefix(std::min(end + 1, proxies.size()));
  }
  std::string joined;
  while (!input.empty()) {
    const std::string line(take_line(input));
    request.headers.add("x-forwarded-for", line);
    joined += (joined.empty() ? "" : ",") + line;
  }

  const auto is_trusted = [&](const std::string& address) {
    return std::ranges::find(trusted, address) != trusted.end();
  };
  const std::string address = http::client_address(request, is_trusted);
  const std::string peer = http::share_owner(request.peer);
  if (!http::is_trusted(request.peer, is_trusted)) require(address == peer, "a stranger is not believed");
  if (address != peer && !address.empty()) {
    require(address.find_first_of(",") == address.npos, "it is one address");
    // Of IPv6 it is the network that does.
    require(address.find(':') != address.npos || joined.rfind(address) != joined.npos, "it stands in the headers");
  }
  http::Request in_one = request;
  in_one.headers.set("X-Forwarded-For", joined);
  require(http::client_address(in_one, is_trusted) == address, "several lines mean the same as one");
}

}  // namespace afterword::fuzz
