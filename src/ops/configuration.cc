#include "ops/configuration.h"

#include <algorithm>

namespace afterword::ops {

http::Address reachable(http::Address address) {
  if (address.host == "0.0.0.0" || address.host == "::") address.host = "127.0.0.1";
  return address;
}

bool is_local(const http::Address& address) {
  const auto ip = http::parse_ip(address.host);
  return address.is_unix() || address.host == "localhost" || (ip && ip->is_loopback());
}

Result<Database, std::string> parse_database(std::string_view text, const std::filesystem::path& folder) {
  constexpr std::string_view sqlite = "sqlite:";
  const std::string_view path = text.substr(std::min(sqlite.size(), text.size()));
  if (text.starts_with(sqlite) && !path.empty() && !path.starts_with("//")) return SqliteDatabase{folder / path};
  if (text.starts_with("postgresql://")) return PostgresqlDatabase{std::string(text)};
  return std::string("is no database URL; write sqlite:FILE, as sqlite:afterword.db, or postgresql://…");
}

}  // namespace afterword::ops
