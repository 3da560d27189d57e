// What an operator decides: read once at start, then never changed.
#pragma once

#include "base/log.h"
#include "base/result.h"
#include "domain/limits.h"
#include "gateway/rate_limits.h"
#include "homeserver/kind.h"
#include "http/client.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace afterword::ops {

struct Address {
  std::string host;  // of IPv6 without its brackets
  std::uint16_t port = 0;
};
std::string to_text(const Address& address);
// Where somebody on the same machine finds what listens there.
Address reachable(Address address);

// An IP address in the one way in which a peer's is written when it connects: of IPv4 as such, also where it stands
// within one of IPv6 (::ffff:192.0.2.7). Nothing: it is none.
std::optional<std::string> canonical_address(std::string_view text);

// Whether it is one of these canonical addresses, however it is written.
bool is_one_of(const std::vector<std::string>& addresses, std::string_view address);

struct SqliteDatabase {
  std::filesystem::path path;
};
struct PostgresqlDatabase {
  std::string url;  // may hold a password: not for the log
};
using Database = std::variant<SqliteDatabase, PostgresqlDatabase>;

// sqlite:FILE or postgresql://…; a relative FILE starts at `folder`. The error does not show the text, for a password
// may stand there.
Result<Database, std::string> parse_database(std::string_view text, const std::filesystem::path& folder);

struct Configuration {
  http::Origin homeserver;
  std::string server_name;
  std::optional<afterword::homeserver::Kind> homeserver_kind;  // asked for if it is not given
  std::optional<std::string> admin_token;                      // of Synapse
  std::optional<std::filesystem::path> admin_token_file;       // where it was read, if not in the configuration
  std::filesystem::path registration;
  std::string as_token;      // out of the registration
  bool rate_limited = true;  // as the registration says
  Address listen;
  std::optional<Address> operations_listen;  // nothing: nobody is told how it goes
  Database database;
  domain::Limits limits;
  domain::Retention retention;
  Milliseconds start_grace{};
  gateway::RateLimitOptions rate_limits;
  std::vector<std::string> trusted_proxies;  // canonical addresses
  std::vector<std::string> served_paths;     // none: all
  std::string log_level;
  LogFormat log_format = LogFormat::text;

  // How an error that shows only when they are used names them: FILE:LINE: KEY, or --set KEY.
  std::string where_listen;
  std::string where_operations_listen;
  std::string where_database;

  std::vector<std::string> warnings;  // what is allowed but probably not meant, a line each
};

}  // namespace afterword::ops
