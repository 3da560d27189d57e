#include "ops/configuration.h"

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace afterword::ops {

std::string to_text(const Address& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", address.host, address.port)
                 : fmt::format("{}:{}", address.host, address.port);
}

Address reachable(Address address) {
  if (address.host == "0.0.0.0" || address.host == "::") address.host = "127.0.0.1";
  return address;
}

std::optional<std::string> canonical_address(std::string_view text) {
  namespace ip = boost::asio::ip;
  boost::system::error_code error;
  const ip::address address = ip::make_address(text, error);
  if (error) return std::nullopt;
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address.to_string();
  return ip::make_address_v4(ip::v4_mapped, address.to_v6()).to_string();
}

bool is_one_of(const std::vector<std::string>& addresses, std::string_view address) {
  const std::optional<std::string> canonical = canonical_address(address);
  return canonical && std::ranges::find(addresses, *canonical) != addresses.end();
}

Result<Database, std::string> parse_database(std::string_view text, const std::filesystem::path& folder) {
  constexpr std::string_view sqlite = "sqlite:";
  const std::string_view path = text.substr(std::min(sqlite.size(), text.size()));
  if (text.starts_with(sqlite) && !path.empty() && !path.starts_with("//")) return SqliteDatabase{folder / path};
  if (text.starts_with("postgresql://")) return PostgresqlDatabase{std::string(text)};
  return std::string("is no database URL; write sqlite:FILE, as sqlite:afterword.db, or postgresql://…");
}

}  // namespace afterword::ops
