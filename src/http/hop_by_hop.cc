#include "http/hop_by_hop.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

namespace afterword::http {
namespace {

constexpr std::string_view proxy_prefix = "Proxy-";

// In lower case. A set, for a client may name thousands.
std::unordered_set<std::string> named_by_connection(const Headers& headers) {
  std::unordered_set<std::string> names;
  for (const Header& header : headers) {
    if (!equal_ignoring_case(header.name, "Connection")) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      names.insert(to_lower(trim(rest.substr(0, comma))));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return names;
}

}  // namespace

bool is_hop_by_hop(std::string_view name) {
  constexpr std::array<std::string_view, 6> names = {"Connection", "Keep-Alive",        "TE",
                                                     "Trailer",    "Transfer-Encoding", "Upgrade"};
  return std::ranges::any_of(names, [name](std::string_view other) { return equal_ignoring_case(name, other); }) ||
         equal_ignoring_case(name.substr(0, proxy_prefix.size()), proxy_prefix);
}

void remove_hop_by_hop(Headers& headers) {
  const std::unordered_set<std::string> named = named_by_connection(headers);
  headers.remove_if([&named](const Header& header) {
    if (is_hop_by_hop(header.name)) return true;
    return !named.empty() && named.contains(to_lower(header.name)) && !equal_ignoring_case(header.name, "Host");
  });
}

}  // namespace afterword::http
