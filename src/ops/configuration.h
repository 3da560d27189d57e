// What an operator decides: read once at start, then never changed.
#pragma once

#include "base/log.h"
#include "base/result.h"
#include "domain/limits.h"
#include "gateway/rate_limits.h"
#include "gateway/sidecar.h"
#include "homeserver/kind.h"
#include "http/address.h"
#include "http/client.h"
#include "http/ip_range.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <variant>
#include <vector>

namespace afterword::ops {

// Where somebody on the same machine finds what listens there.
http::Address reachable(http::Address address);

// Only this machine can reach what listens there.
bool is_local(const http::Address& address);

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
  std::optional<std::filesystem::path> rtc_registration;
  std::optional<gateway::SidecarRegistration> sidecar;  // out of that
  std::vector<http::Address> listen;                    // one at least
  mode_t listen_mode = 0;                               // of the files of Unix sockets
  std::optional<http::Address> operations_listen;       // nothing: nobody is told how it goes
  std::optional<std::string> operations_token;          // nothing: there is no API for operators
  std::optional<std::filesystem::path> operations_token_file;
  Database database;
  domain::Limits limits;
  domain::Retention retention;
  Milliseconds start_grace{};
  gateway::RateLimitOptions rate_limits;
  std::vector<http::IpRange> trusted_proxies;
  std::vector<std::string> served_paths;  // none: all
  bool user_page = false;
  std::string log_level;
  LogFormat log_format = LogFormat::text;

  // How an error that shows only when they are used names them: FILE:LINE: KEY, or --set KEY.
  std::string where_listen;
  std::string where_operations_listen;
  std::string where_database;

  std::vector<std::string> warnings;  // what is allowed but probably not meant, a line each
};

}  // namespace afterword::ops
