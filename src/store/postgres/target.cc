#include "store/postgres/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <libpq-fe.h>
#include <memory>

namespace afterword::store::postgres {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const noexcept { ::PQconninfoFree(options); }
};

}  // namespace

std::optional<Target> Target::parse(const std::string& url) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(::PQconninfoParse(url.c_str(), &error));
  ::PQfreemem(error);  // it may show the password
  if (!options) return std::nullopt;
  std::string host;
  std::string port;
  std::string database;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "host") host = option->val;
    if (keyword == "port") port = option->val;
    if (keyword == "dbname") database = option->val;
  }
  // A password with an @, / or # that is not percent-encoded ends up in one of those.
  const bool mistaken = (host + database).find_first_of("@:#") != std::string::npos && !host.starts_with('/') &&
                        std::count(host.begin(), host.end(), ':') < 2;
  if (mistaken || port.find_first_not_of("0123456789,") != std::string::npos) return std::nullopt;

  Target target;
  target.url_ = url;
  target.shown_ = fmt::format("postgresql://{}{}{}/{}", host, port.empty() ? "" : ":", port, database);
  return target;
}

// What the server says and what mends it. It may say it in another language; then it speaks for itself.
std::string explain(const Target& target, std::string_view said) {
  struct Known {
    std::string_view part;
    std::string_view fix;
  };
  constexpr std::array known{
      Known{"password authentication failed", "correct the user or the password in the URL"},
      Known{"no password supplied", "put the password into the URL, or into a password file of libpq's"},
      Known{"no pg_hba.conf entry", "allow it in the server's pg_hba.conf"},
      Known{"Connection refused", "start the server, or correct the host and port in the URL"},
      Known{"No such file or directory", "start the server, or correct the host and port in the URL"},
      Known{"could not translate host name", "correct the host in the URL"},
      Known{"timeout expired", "see that the server can be reached"},
      Known{"permission denied", "let the URL's user own the database, or create schemas in it"},
      Known{"session is read-only", "name the primary, not a standby"},
      Known{"lock timeout", "an `afterword move` may be using it; wait for its end"},
      Known{"too many", "raise the server's max_connections: each instance takes four"},
      Known{"connection slots", "raise the server's max_connections: each instance takes four"},
  };
  for (const auto& [part, fix] : known) {
    if (said.find(part) != std::string_view::npos) return fmt::format("{}: {}; {}", target.shown(), said, fix);
  }
  if (said.find("database \"") != std::string_view::npos && said.find("does not exist") != std::string_view::npos) {
    return fmt::format("{}: {}; make it: createdb --owner USER DATABASE", target.shown(), said);
  }
  return fmt::format("{}: {}", target.shown(), said);
}

}  // namespace afterword::store::postgres
